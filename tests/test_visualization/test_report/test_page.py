import base64
import re

import cv2
import numpy as np

from mmdet_ps.visualization.report import Page, figure, note, table


def test_an_embedded_picture_is_the_picture():
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, 30:] = (250, 10, 10)
    html = figure(image, 'a <caption>', quality=95)
    data = re.search(r'base64,([^"]+)"', html).group(1)
    decoded = cv2.imdecode(
        np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR
    )[..., ::-1]
    assert decoded.shape == image.shape
    assert np.abs(decoded[20, 55].astype(int) - (250, 10, 10)).max() < 12
    assert 'a &lt;caption&gt;' in html


def test_text_is_escaped_and_cells_are_marked():
    html = table(['<a>'], [['1 < 2'], ['b']], {(1, 0): 'good'})
    assert '<th>&lt;a&gt;</th>' in html
    assert '<td class="">1 &lt; 2</td>' in html
    assert '<td class="good">b</td>' in html


def test_every_section_is_linked_and_empty_ones_are_left_out(tmp_path):
    page = Page('Title & more', 'sub')
    page.add('One', note('first'))
    page.add('Nothing')
    page.add('Two', note('second'), '')
    html = page.html()
    links = re.findall(r'href="#(\w+)">(\w+)<', html)
    assert links == [('part0', 'One'), ('part1', 'Two')]
    for anchor, name in links:
        assert f'id="{anchor}"><h2>{name}</h2>' in html
    assert 'Title &amp; more' in html
    page.write(tmp_path / 'new/report.html')
    assert [p.name for p in (tmp_path / 'new').iterdir()] == ['report.html']
