"""A slider figure is complete, the same on every build, and describes itself."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

import taylorlib as tl

pytest.importorskip("matplotlib").use("agg")
from matplotlib.figure import Figure  # noqa: E402


def frame(slope, size=(3, 2)):
    figure = Figure(figsize=size)
    figure.subplots().plot([0, 1], [0, slope], label='"quoted" & <angled>')
    figure.axes[0].legend()
    return figure


def make(**kwargs):
    given = {
        "frames": [(f"{k}", frame(k)) for k in (1, 2, 3)],
        "control": "slope",
        "name": "slopes",
        "alt": "a line",
    } | kwargs
    return tl.slider_figure(given.pop("frames"), **given)


def test_markup_is_the_same_every_time():
    assert make()._repr_html_() == make()._repr_html_()


def test_every_frame_is_a_well_formed_picture_and_they_differ():
    pictures = re.findall(r'src="data:image/svg\+xml,([^"]*)"', make().markup)
    assert len(set(pictures)) == 3
    for picture in pictures:
        assert ElementTree.fromstring(unquote(picture)).tag.endswith("svg")


def test_only_the_first_position_is_seen_without_scripts():
    visible = re.findall(r'<div class="slider-frame"( hidden)?>', make(start=1).markup)
    assert visible == [" hidden", "", " hidden"]


def test_pictures_are_described_each_with_its_position():
    assert re.findall(r'alt="([^"]*)"', make().markup) == [f"a line; slope {k}" for k in (1, 2, 3)]
    own = re.findall(r'alt="([^"]*)"', make(alt=["flat", "steep", "<steeper>"]).markup)
    assert own == ["flat", "steep", "&lt;steeper&gt;"]


def test_label_that_closes_a_script_stays_a_label():
    markup = make(frames=[("</script>", frame(1)), ("b", frame(2))]).markup
    assert markup.count("</script>") == 1


def product(**kwargs):
    frames = [((p, p + d), frame(i)) for p in "ab" for i, d in enumerate("xyz")]
    return make(frames=frames, control=["degree", "dimension"], **kwargs).markup


def test_several_sliders_have_their_own_labels_and_positions():
    markup = product(start=4)
    assert re.findall(r'<label for="([^"]*)">([^<]*)</label> <input id="([^"]*)"', markup) == [
        ("slider-slopes-input", "degree", "slider-slopes-input"),
        ("slider-slopes-input-1", "dimension", "slider-slopes-input-1"),
    ]
    assert re.findall(r'max="(\d)" value="(\d)" aria-valuetext="(\w+)"', markup) == [
        ("1", "1", "b"),
        ("2", "1", "by"),
    ]
    visible = re.findall(r'<div class="slider-frame"( hidden)?>', markup)
    assert [not hidden for hidden in visible] == [i == 4 for i in range(6)]
    assert re.findall(r'alt="([^"]*)"', markup)[5] == "a line; degree b, dimension bz"


def test_nothing_is_loaded():
    assert not re.search(r"(?:src|href)=[\"'](?!data:|%23|#)", make().markup)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"frames": []}, "at least two frames, got 0"),
        ({"frames": [("a", frame(1)), ("b", frame(1, (4, 2)))]}, r"one size, got \[\(3.0, 2.0\)"),
        ({"name": "No Name"}, "'No Name'"),
        ({"alt": ""}, "got ''"),
        ({"alt": ["one"]}, r"got \['one'\]"),
        ({"start": 3}, "from 0 to 2, got 3"),
        ({"control": ["a", "b"]}, "each frame needs 2 labels"),
        (
            {"frames": [((k, v), frame(1)) for k, v in ("xa", "xb", "ya")], "control": ["p", "d"]},
            r"form a product.* got 3 frames with first labels \['x', 'y'\]",
        ),
        (
            {"frames": [((k, v), frame(1)) for k, v in ("xa", "ya", "xb")], "control": ["p", "d"]},
            "form a product",
        ),
    ],
)
def test_bad_slider_is_refused_with_the_value(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(**kwargs)
