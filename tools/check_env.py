"""Say what is installed, where the operators come from and what is wrong.

Exits with 1 if something is broken, and says how to mend it. Works, as far as
it goes, where packages are missing or do not fit each other.
"""

import argparse
import importlib
import os
import platform
import re
import sys
import warnings
from importlib import metadata
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
# Of the repository; an installed package has none.
SETUP = ROOT / 'setup.py'
REINSTALL = (
    'run: sh tools/install.sh'
    if SETUP.is_file()
    else 'run: pip install --upgrade mmdet_ps'
)
# Import name of each distribution; the order is that of dependence.
PACKAGES = {
    'torch': 'torch',
    'torchvision': 'torchvision',
    'onedl-mmengine': 'mmengine',
    'onedl-mmcv': 'mmcv',
    'onedl-mmdetection': 'mmdet',
    'scipy': 'scipy',
    'scikit-learn': 'sklearn',
    'tensorboard': 'tensorboard',
}


class Report:
    """Lines of the report, and the problems found with their remedies."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.problems: list[tuple[str, str]] = []

    def say(self, name: str, value: object) -> None:
        """Add a line."""
        self.lines.append(f'{name:<23}  {value}')

    def wrong(self, problem: str, remedy: str) -> None:
        """Add a problem."""
        self.problems.append((problem, remedy))


def version_of(distribution: str) -> str | None:
    """Installed version of a distribution, None if there is none."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def first_line(error: BaseException) -> str:
    """Kind and first line of an error, to name it in one line."""
    text = str(error).strip().splitlines()
    return f'{type(error).__name__}: {text[0] if text else ""}'


def try_import(name: str) -> BaseException | None:
    """What importing a module raised; broken ones raise anything."""
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: B036  extensions may even exit
        return error
    return None


def required_ranges() -> dict[str, str]:
    """Version ranges by distribution, as ``setup.py`` states them."""
    if SETUP.is_file():
        block = re.search(
            r'install_requires=\[(.*?)\]', SETUP.read_text(), re.DOTALL
        ).group(1)
        return dict(re.findall(r"'([\w-]+)([^']*)'", block))
    try:
        lines = metadata.requires('mmdet_ps') or []
    except metadata.PackageNotFoundError:
        return {}
    return dict(
        re.match(r'([\w-]+) *(.*)', line).groups()
        for line in lines
        if ';' not in line
    )


def is_within(version: str, wanted: str) -> bool:
    """Whether a version lies in a range such as '>=2.4,!=2.13.0'."""
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        return True
    return SpecifierSet(wanted).contains(version, prereleases=True)


def check_python(report: Report) -> None:
    """The interpreter and the system."""
    report.say('python', f'{platform.python_version()} ({sys.executable})')
    report.say('system', platform.platform())
    if sys.version_info < (3, 10):  # noqa: UP036  it may be run by any
        report.wrong(
            f'Python {platform.python_version()} is older than 3.10',
            'make .venv anew with a newer one: PYTHON=... sh tools/install.sh',
        )


def check_packages(report: Report) -> None:
    """Versions of what the package needs, and whether each imports."""
    ranges = required_ranges()
    for distribution, module in PACKAGES.items():
        version = version_of(distribution)
        report.say(distribution, version or 'missing')
        if version is None:
            report.wrong(f'{distribution} is not installed', REINSTALL)
            continue
        wanted = ranges.get(distribution, '')
        if not is_within(version, wanted):
            report.wrong(
                f'{distribution} {version} is not one of {wanted}', REINSTALL
            )
        error = try_import(module)
        if error is not None:
            report.wrong(
                f'import {module} fails: {first_line(error)}',
                'torch and torchvision must be a pair, see requirements.txt; '
                + REINSTALL
                if distribution in ('torch', 'torchvision')
                else REINSTALL,
            )


def check_opencv(report: Report) -> None:
    """Which build of OpenCV is there, and whether it imports."""
    builds = {
        name: version_of(name)
        for name in ('opencv-python', 'opencv-python-headless')
    }
    found = [
        f'{name} {version}' for name, version in builds.items() if version
    ]
    report.say('opencv', ', '.join(found) or 'missing')
    error = try_import('cv2')
    if error is None:
        return
    problem = f'import cv2 fails: {first_line(error)}'
    if 'lib' in str(error) and '.so' in str(error):
        problem += ' (opencv-python needs libraries of a desktop)'
    report.wrong(
        problem,
        'pip uninstall -y opencv-python opencv-python-headless; '
        'pip install --no-deps opencv-python-headless',
    )


def check_gpu(report: Report) -> None:
    """The threads and GPUs that PyTorch sees."""
    torch = sys.modules.get('torch')
    if torch is None or not hasattr(torch, 'cuda'):
        return
    report.say('cpu threads', f'{torch.get_num_threads()} of {os.cpu_count()}')
    built = getattr(torch.version, 'cuda', None)
    report.say('torch built for', f'CUDA {built}' if built else 'CPU only')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        available = torch.cuda.is_available()
    if not available:
        report.say('gpu', 'none')
        if built and Path('/dev/nvidia0').exists():
            report.wrong(
                'there is an NVIDIA GPU that torch cannot use',
                f'install a driver for CUDA {built}, or the torch built for '
                'the driver at hand',
            )
        return
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = properties.total_memory / 2**30
        report.say(f'gpu {index}', f'{properties.name}, {memory:.0f} GiB')


def check_operators(report: Report) -> None:
    """Where each operator comes from, and a call of each."""
    if SETUP.is_file():
        sys.path.insert(0, str(ROOT))
    error = try_import('mmdet_ps.registration')
    if error is not None:
        report.wrong(
            f'import mmdet_ps.registration fails: {first_line(error)}',
            'mend what stands above first; ' + REINSTALL,
        )
        return
    ops = importlib.import_module('mmdet_ps.ops')
    compiled = ops.compiled_operators() is not None
    for name, source in ops.SOURCES.items():
        if compiled:
            source = 'compiled into mmcv'
        error = call_operator(name)
        report.say(name, source)
        if error is not None:
            report.wrong(
                f'mmcv.ops.{name} ({source}) fails: {first_line(error)}',
                REINSTALL,
            )
    others = 'none; a call says what to install'
    report.say('other operators', 'compiled into mmcv' if compiled else others)


def call_operator(name: str) -> BaseException | None:
    """What one small call on each device raised."""
    import torch

    devices = ['cpu'] + ['cuda'] * torch.cuda.is_available()
    try:
        for device in devices:
            small_call(name, device)
    except Exception as error:
        return error
    return None


def small_call(name: str, device: str) -> None:
    """Call one operator of mmcv.ops on tiny tensors."""
    import mmcv.ops
    import torch

    operator = getattr(mmcv.ops, name)
    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 3]], device=device)
    features = torch.ones(1, 1, 4, 4, device=device)
    offset = torch.zeros(1, 2, 4, 4, device=device)
    weight = torch.ones(1, 1, 1, 1, device=device)
    if name in ('nms', 'soft_nms'):
        operator(boxes, torch.tensor([0.9, 0.8], device=device), 0.5)
    elif name == 'nms_match':
        operator(torch.nn.functional.pad(boxes, (0, 1), value=0.5), 0.5)
    elif name == 'roi_align':
        rois = torch.cat((torch.zeros(2, 1, device=device), boxes), 1)
        operator(features, rois, (2, 2))
    elif name == 'deform_conv2d':
        operator(features, offset, weight)
    elif name == 'modulated_deform_conv2d':
        operator(features, offset, offset[:, :1], weight, weight[0, 0, 0])
    else:
        target = torch.zeros(1, dtype=torch.long, device=device)
        operator(features[0, 0, :1], target)


class Parser(argparse.ArgumentParser):
    """Ends as every tool does; the package may not even import here."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the options, in one line."""
        sys.exit(f'error: {message}; `check_env.py --help` lists the options')


def main() -> int:
    """Check everything; the exit status says whether something is wrong."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--quiet', action='store_true', help='print nothing but problems'
    )
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    report = Report()
    for check in (
        check_python,
        check_packages,
        check_opencv,
        check_gpu,
        check_operators,
    ):
        check(report)
    if not args.quiet:
        print('\n'.join(report.lines))
    for problem, remedy in report.problems:
        print(f'wrong: {problem}\n  remedy: {remedy}', file=sys.stderr)
    if not report.problems and not args.quiet:
        print('nothing is wrong')
    return 1 if report.problems else 0


if __name__ == '__main__':
    sys.exit(main())
