"""The page of speed says of every target whether it is met, computed from the measurements."""

import copy
import json
import sys

import pytest
from bs4 import BeautifulSoup
from miniature import CODE, ROOT, TOOLS, build, make_mini

sys.path.insert(0, str(TOOLS))
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import bench
import speed

NESTED_COSTS = {1: 1.0, 2: 1.9, 3: 3.7, 4: 7.0, 5: 14.0, 6: 28.0}


def ratio(dividend, divisor, median):
    interval = {"low": 0.98 * median, "high": 1.02 * median}
    return {"dividend": dividend, "divisor": divisor, "median": median, "repetitions": 7} | interval


def contest(network, order, with_nested=True):
    """A contest in which every target is met: ours takes 4k/3 gradients, jet twice as long."""
    ours = 4 * order / 3
    times = {"network": 1.0, "auto": ours, "jet": 2 * ours}
    if with_nested:
        times |= dict.fromkeys(("nested", "nt.taylor_expand"), 2 * ours * NESTED_COSTS[order])
    others = [name for name in times if name not in ("network", "auto")]
    return {
        "setting": f"{network}, order {order} (5k/3 = {5 * order / 3:.3g})",
        "ways": {
            name: {
                "median_seconds": time,
                "compile_seconds": 0.4 if name == "auto" else 0.5,
                "temporary_bytes": 2_500_000,
            }
            for name, time in times.items()
        },
        "ratios": [
            *(ratio(other, "auto", times[other] / ours) for other in others),
            *(ratio(name, "network", times[name]) for name in ("auto", *others)),
        ],
    }


def measurements():
    perceptrons = [
        f"{act} {part}" for act in ("tanh", "relu") for part in (speed.WIDE, speed.SMALL)
    ]
    held = [contest(network, order) for network in perceptrons for order in range(1, 7)]
    for network in ("conv net 14x14", "attention block of width 64"):
        held += [contest(network, order, with_nested=False) for order in (2, 3, 4)]
    plain = {
        "setting": "12 sizes up to N = 2000 | even",
        "ways": {
            name: {"median_seconds": 1.0, "compile_seconds": None, "temporary_bytes": None}
            for name in ("ours", "theirs")
        },
        "ratios": [ratio("theirs", "ours", 12.3456)],
    }
    return {
        "date": "2026-11-28",
        "machine": {
            "cpu": "A processor",
            "cores": 2,
            "system": "Linux",
            "busy_cores_at_the_start": 0.1,
        },
        "versions": {"python": "3.11.1", "jax": "0.10.2"},
        "threads": 1,
        "quick": False,
        "comparisons": {
            "learning_curve": {"title": "A learning curve.", "contests": [plain]},
            "taylor_gradient": {"title": "Gradients.", "contests": held},
            "warm_build": {"title": "Building.", "contests": []},
        },
    }


def find(found, network, order):
    return speed.contests(found)[network, order]


def change(found, network, order, dividend, divisor, median):
    [one] = [
        r
        for r in find(found, network, order)["ratios"]
        if (r["dividend"], r["divisor"]) == (dividend, divisor)
    ]
    one |= ratio(dividend, divisor, median)


def missed(found):
    index = speed.contests(found)
    return {t.sentence for t in speed.TARGETS if speed.verdict(t.places(index)) != "met"}


def test_all_targets_are_met_where_all_are():
    assert missed(measurements()) == set()


WIDE, SMALL = f"tanh {speed.WIDE}", f"relu {speed.SMALL}"


@pytest.mark.parametrize(
    ("where", "pair", "good", "bad", "words"),
    [
        ((WIDE, 1), ("jet", "auto"), 0.953, 0.952, "never more than 5 %"),
        ((WIDE, 5), ("nt.taylor_expand", "auto"), 0.953, 0.952, "never more than 5 %"),
        ((WIDE, 3), ("nested", "auto"), 1.3, 1.299, "faster than nested"),
        ((WIDE, 4), ("nested", "auto"), 2.0, 1.99, "faster than nested"),
        ((WIDE, 6), ("nt.taylor_expand", "auto"), 5.0, 4.99, "faster than nested"),
        ((SMALL, 2), ("nt.taylor_expand", "auto"), 1.2, 1.19, "at orders 2 and 3"),
        ((SMALL, 4), ("jet", "auto"), 1.8, 1.799, "at order 4"),
        (("conv net 14x14", 3), ("jet", "auto"), 1.0, 0.999, "conv net"),
        (("attention block of width 64", 2), ("jet", "auto"), 1.0, 0.999, "Attention"),
        ((WIDE, 6), ("auto", "network"), 11.99, 12.01, "within 1.2 times"),
        ((SMALL, 1), ("auto", "network"), 2.49, 2.51, "within 1.5 times"),
    ],
)
def test_one_measurement_on_the_wrong_side_misses_its_target_and_no_other(
    where, pair, good, bad, words
):
    found = measurements()
    change(found, *where, *pair, good)
    assert missed(found) == set()
    change(found, *where, *pair, bad)
    [sentence] = missed(found)
    assert words in sentence


def test_slow_compilation_and_unknown_memory_are_told():
    found = measurements()
    find(found, SMALL, 3)["ways"]["auto"]["compile_seconds"] = 0.51
    [sentence] = missed(found)
    assert "compiles sooner" in sentence
    # below order 3 nothing is asked
    found = measurements()
    find(found, SMALL, 2)["ways"]["auto"]["compile_seconds"] = 9.0
    assert missed(found) == set()
    find(found, SMALL, 2)["ways"]["jet"]["temporary_bytes"] = None
    [sentence] = missed(found)
    assert "memory" in sentence


def test_what_was_not_measured_is_not_met():
    found = measurements()
    held = found["comparisons"]["taylor_gradient"]["contests"]
    held[:] = [c for c in held if "conv net" not in c["setting"]]
    [sentence] = missed(found)
    assert "conv net" in sentence
    del found["comparisons"]["taylor_gradient"]
    assert len(missed(found)) == len(speed.TARGETS)


def test_settings_of_the_benchmarks_are_those_that_the_targets_speak_of():
    # the names are made in another file: a target that finds nothing would only be "not measured"
    from benchmarks import taylor_gradient

    index = {
        (name, order): contest(name, order, "nt.taylor_expand" in routes)
        for name, _, orders, routes in taylor_gradient.settings(quick=False)
        for order in orders
    }
    for target in speed.TARGETS:
        assert speed.verdict(target.places(index)) == "met", target.sentence
    assert {speed.OURS, *speed.NESTED, *speed.THEIRS} <= {
        *taylor_gradient.ROUTES,
        "nt.taylor_expand",
    }


# The page in a miniature book.


@pytest.fixture(scope="module")
def mini(tmp_path_factory):
    root = make_mini(tmp_path_factory.mktemp("speed"), CODE)
    with (root / "_toc.yml").open("a") as toc:
        toc.write("  - file: book/speed\n")
    (root / "book" / "speed.md").write_text((ROOT / "book" / "speed.md").read_text("utf8"))
    return root


def page_of(mini, found):
    source = mini / "book" / "bench.json"
    source.unlink(missing_ok=True)
    if found is not None:
        source.write_text(json.dumps(found))
    done = build(mini)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (mini / "out" / "html" / "book" / "speed.html").read_text("utf8")
    return BeautifulSoup(page, "html.parser").find("article")


def test_page_without_measurements_says_so_and_follows_them_when_they_come(mini):
    article = page_of(mini, None)
    assert "There are no measurements here yet" in article.get_text()
    assert article.find("table") is None

    found = measurements()
    change(found, SMALL, 4, "jet", "auto", 1.4)
    article = page_of(mini, copy.deepcopy(found))
    text = " ".join(article.get_text().split())
    assert "There are no measurements here yet" not in text
    assert "Measured on 2026-11-28 with 1 thread on A processor" in text
    assert "9 of 10 targets are met." in text
    targets = article.find("table")
    verdicts = [row.find_all("td")[1].get_text() for row in targets.select("tbody tr")]
    assert verdicts.count("met") == 9
    assert verdicts.index("not met") == 3
    row = targets.select("tbody tr")[3].get_text().replace("\xa0", " ")
    assert "3 of 4" in row
    assert "jet / ours, relu MLP 196-128×5-10, batch 64, order 4: 1.4 [1.37, 1.43]" in row
    # what was missed is also said in words
    assert "at least 1.8 times at order 4" in article.find("ul").get_text()
    # every ratio, and a setting with a bar in its name
    assert "12.3 [12.1, 12.6]" in text
    assert "12 sizes up to N = 2000 | even" in text
    assert "0.4 s, 2.5 MB" in text
    assert "Nothing was measured." in text


def test_only_a_complete_run_writes_the_page(tmp_path, monkeypatch):
    def fake(names, quick):
        return {"quick": quick, "names": names}

    monkeypatch.setattr(bench, "run", fake)
    for arguments, published in (
        (["--quick"], False),
        (["taylor_gradient"], False),
        ([], True),
    ):
        paths = [tmp_path / "out.json", tmp_path / "page.json"]
        for path in paths:
            path.unlink(missing_ok=True)
        monkeypatch.setattr(
            sys, "argv", ["bench.py", *arguments, "--json", str(paths[0]), "--page", str(paths[1])]
        )
        assert bench.main() == 0
        assert paths[0].is_file()
        assert paths[1].is_file() == published


def test_later_run_of_one_comparison_replaces_it_and_keeps_its_own_date(tmp_path):
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(measurements()))
    run = {"date": "2027-01-02", "machine": {"busy_cores_at_the_start": 0.5}}
    seen = {"book/one": {"text": 0.4, "mathematics": 0.9, "shift": 0.2}}
    entry = {"title": "Opening.", "contests": [], "pages": seen}
    entry["targets"] = {"text": 1.0, "mathematics": 3.0, "shift": 0.1}
    whole = bench.updated(path, run | {"comparisons": {"page_load": entry}})
    assert set(whole["comparisons"]) == {*measurements()["comparisons"], "page_load"}
    assert whole["date"] == measurements()["date"]
    text = speed._tables(whole["comparisons"]["page_load"])
    assert "Measured on 2027-01-02 (0.5 cores busy" in text
    assert "text at most 1 s: **met by every page**" in text
    assert "shift at most 0.1: **not met by `book/one`**" in text
    assert "| `book/one` | 0.4 s | 0.9 s | 0.2 |" in text
    with pytest.raises(bench.one_sentence.Told, match="run make bench first"):
        bench.updated(tmp_path / "absent.json", run)
