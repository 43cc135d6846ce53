"""What MkDocs is helped with: links, formulas and forgotten pages."""

import importlib.util
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from mmengine.config import Config, ConfigDict

pytest.importorskip('mkdocs')
pytest.importorskip('latex2mathml')
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def hooks():
    path = ROOT / 'tools/site_hooks.py'
    spec = importlib.util.spec_from_file_location('site_hooks', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Site:
    """Stands in for the files of a site."""

    def get_file_from_path(self, path):
        outside = (
            'index.md',
            'configs/nae.md',
            'reference/configurations.md',
        )
        return (
            path
            if path in outside or (ROOT / 'docs' / path).exists()
            else None
        )


@pytest.mark.parametrize(
    ('address', 'link', 'expected'),
    [
        ('index.md', '[a](docs/configs.md#what)', '[a](configs.md#what)'),
        ('index.md', '![p](docs/images/x.svg)', '![p](docs/images/x.svg)'),
        ('alignps.md', '[the README](../README.md)', '[the README](index.md)'),
        ('configs/nae.md', '[OIM](../nae)', '[OIM](nae.md)'),
        ('alignps.md', '[nae](../configs/nae)', '[nae](configs/nae.md)'),
        (
            'alignps.md',
            '[all](../configs)',
            '[all](reference/configurations.md)',
        ),
        ('alignps.md', '[setup.py](../setup.py)', '`setup.py`'),
        ('alignps.md', '[ranges](../setup.py)', 'ranges (`setup.py`)'),
        ('alignps.md', '[gone](../gone.py)', '[gone](../gone.py)'),
        ('alignps.md', '[a](https://b.org)', '[a](https://b.org)'),
        ('results/ablation.md', '[a](../configs.md)', '[a](../configs.md)'),
        (
            'alignps.md',
            '```\n[a](../setup.py)\n```',
            '```\n[a](../setup.py)\n```',
        ),
    ],
)
def test_links_are_those_of_the_site(hooks, address, link, expected):
    page = SimpleNamespace(file=SimpleNamespace(src_uri=address))
    assert hooks.on_page_markdown(link, page, None, Site()) == expected


def test_formulas_become_mathml(hooks):
    text = r'<p><span class="arithmatex">\(p_t &lt; 1\)</span></p>'
    page = SimpleNamespace(file=SimpleNamespace(src_uri='a.md'))
    result = hooks.on_page_content(text, page, None, None)
    assert re.search('<math .*<msub>.*<mo>&#x0003C;</mo>', result)
    with pytest.raises(hooks.PluginError, match='nosuch'):
        bad = r'<span class="arithmatex">\(\nosuch\)</span>'
        hooks.on_page_content(bad, page, None, None)
    with pytest.raises(hooks.PluginError, match='four spaces'):
        hooks.on_page_content('<p>$$ x $$</p>', page, None, None)


def test_a_page_that_the_navigation_forgets_is_shown(hooks):
    config = SimpleNamespace(docs_dir=str(ROOT / 'docs'), nav=[])
    hooks.on_config(config)
    (more,) = config.nav
    assert {'index.md', 'faq.md', 'reference/apis.md'} <= set(more['More'])


@pytest.mark.parametrize(
    ('name', 'size'),
    [
        (
            'alignps/alignps-plus_r50-dcn_1xb4-24e_prw',
            '6, 667x400 to 2000x1200',
        ),
        ('bsl/bsl_r50-c4-c5_1xb5-7e_prw', '1000x600'),
    ],
)
def test_the_numbers_of_a_configuration_are_those_that_it_has(
    hooks, name, size
):
    path = ROOT / f'configs/{name}.py'
    config = Config.fromfile(path)
    numbers = hooks._numbers(path)
    assert numbers[hooks.SCALES] == size
    read = [numbers[k] for k in hooks.NUMBERS['pictures per GPU']]
    assert read == [str(config.train_dataloader.batch_size)]
    assert numbers['train_cfg.max_epochs'] == str(config.train_cfg.max_epochs)
    rates = [numbers[k] for k in hooks.NUMBERS['rate'] if k in numbers]
    wrapper = config.optim_wrapper
    optimizer = (wrapper.get('parts') or ConfigDict(det=wrapper)).det.optimizer
    assert rates == [str(optimizer.lr)]


def test_every_command_and_package_has_its_place(hooks):
    assert '## tools/train.py' in hooks.commands()
    assert '| `nae_r50-c4_1xb5-7e_prw` | NAE on PRW' in hooks.configurations()
    assert 'models.md#mmdet_ps.models.losses.oim_loss.OIMLoss' in (
        hooks.registered_types()
    )
    packages = {
        path.parent.name for path in (ROOT / 'mmdet_ps').glob('*/__init__.py')
    }
    assert packages == set(hooks.PACKAGES)
