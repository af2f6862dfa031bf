"""Rows of tables are choices as files are, and so are the spellings of earlier versions."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from yaml.constructor import ConstructorError

from vrbench.cli.folders import called, choice_names, files_of, own_first
from vrbench.cli.variants import FOLDER, RENAMED, current, names, row, table
from vrbench.config import Composition, cells, choices, compose_record, preflight
from vrbench.core.errors import ConfigError

CONF = Path(__file__).parents[1] / "conf"
AXES = sorted(path.stem for path in (CONF / FOLDER).glob("*.yaml"))
OLD = OmegaConf.to_container(OmegaConf.load(CONF / RENAMED))


def settings(axis, *overrides):
    return Composition(list(overrides), CONF).settings(axis)


ODD = "a: [1e-3, -2E5, .5e+2, 1_000, 0x1f, 2020-01-02, yes, ~, 1.5, .inf, '1e-3', e3, 1e]"


@pytest.mark.parametrize(
    "text", [ODD, "'1': {1: 2, x: 3}", "a: &x {b: 1}\nc: {<<: *x, d: 1e1}", ""]
)
def test_tables_are_read_as_omegaconf_reads_them(text, tmp_path):
    path = tmp_path / "table.yaml"
    path.write_text(text)
    assert repr(table(path)) == repr(OmegaConf.to_container(OmegaConf.load(path)))


@pytest.mark.parametrize("axis", AXES)
def test_the_shipped_tables_are_read_as_omegaconf_reads_them(axis):
    path = CONF / FOLDER / f"{axis}.yaml"
    assert table(path) == OmegaConf.to_container(OmegaConf.load(path))


def test_a_name_stands_once_in_a_table(tmp_path):
    path = tmp_path / "table.yaml"
    path.write_text("pgd: {steps: 1}\npgd: {steps: 2}\n")
    with pytest.raises(ConstructorError, match="'pgd' stands 2 times"):
        table(path)


@pytest.mark.parametrize("axis", AXES)
def test_a_row_over_a_tuned_one_does_not_pass_for_tuned(axis):
    rows = {name: row(axis, name, CONF) for name in names(axis, CONF)}
    noted = {name for name, told in rows.items() if "_tuned_" in told.settings}
    heirs = {name for name, told in rows.items() if told.over in noted}
    assert heirs <= noted, "whose search is it?"


@pytest.mark.parametrize("name", ["fism", "neumf", "multivae", "sasrec", "gru4rec"])
def test_a_phase_starts_from_the_settings_that_were_searched_without_it(name):
    """Else the two cells of experiment=parameters/phases differ by more than the phase."""
    plain = settings("recommender", f"recommender={name}/ml_100k")
    phase = settings("recommender", f"recommender={name}/adversarial/ml_100k")
    assert {key: phase[key] for key in plain} == plain
    assert "recommender.adversarial_epochs" in phase.keys() - plain.keys()


def test_phases_of_models_in_order_have_times_to_order_by():
    made = Composition(["experiment=parameters/phases_next_item"], CONF).cfg.dataset
    assert made._target_.endswith("ratings")
    assert made.split.test._target_.endswith("TemporalLeaveOut")


@pytest.mark.parametrize("axis", AXES)
def test_every_row_leads_to_a_file_or_stands_by_itself(axis):
    files = files_of(axis, CONF)
    assert len(names(axis, CONF)) == len(set(names(axis, CONF)))
    assert not files.keys() & set(names(axis, CONF)), "a file is taken before a row"
    for name in names(axis, CONF):
        passed = [name]
        while (found := row(axis, passed[-1], CONF)) is not None and found.over:
            passed.append(found.over)
            assert len(passed) < 6, passed
        assert passed[-1] in files or found is not None, passed


@pytest.mark.parametrize("axis", ["attack", "budget", "extractor", "recommender", "scenario"])
def test_a_row_says_only_what_differs(axis):
    made = choices(axis, CONF)
    for name in names(axis, CONF):
        told = row(axis, name, CONF)
        assert told.settings or told.defaults, name
        for key, value in told.settings.items():
            before = made[told.over].get(key) if told.over else None
            same = told.over and not OmegaConf.is_dict(before) and before == value
            assert not same, f"{axis}={name}: {key}"


@pytest.mark.parametrize("axis", [a for a in AXES if a not in ("experiment", "machine", "dataset")])
def test_no_two_choices_are_the_same(axis):
    found = {}
    for name, made in choices(axis, CONF).items():
        found.setdefault(OmegaConf.to_yaml(made, sort_keys=True), []).append(name)
    assert [same for same in found.values() if len(same) > 1] == []


def test_a_row_changes_what_it_says():
    default = settings("recommender", "recommender=vbpr")
    tuned = settings("recommender", "recommender=vbpr/clothing_men")
    both = settings("recommender", "recommender=vbpr/tied/clothing_men")
    assert tuned == default | {"recommender.l2": 0.03}
    assert both == tuned | {"recommender.tied": True, "recommender.scale": "max"}
    photos = settings("extractor", "extractor=photos_standard")
    assert photos["extractor.network.width"] == 24


def test_any_number_is_a_choice():
    assert settings("budget", "budget=linf_3") == settings(
        "budget", "budget=linf_8", "budget.eps=3"
    )
    assert settings("budget", "budget=linf_0.5")["budget.eps"] == 0.5
    assert settings("budget", "budget=linf_3_taamr")["budget.space"] == "normalised"
    assert settings("attack", "attack=nes_200")["attack.directions"] == 16
    assert settings("extractor", "extractor=photos_jpeg_60")["extractor.quality"] == 60
    assert settings("extractor", "extractor=photos_jpeg_60")["extractor.inner.batch_size"] == 64
    preflight(["-m", "budget=linf_1,linf_3,linf_8", "scenario=photos_7"], CONF)


def test_metrics_are_chosen_by_the_length_of_the_list():
    one = settings("metrics", "metrics=chr_7")
    assert one == {"metrics.chr.k": 7, "metrics.chr.binary_ttest": False}
    five = settings("metrics", "metrics=elliot_5")
    assert len(five) == len(settings("metrics", "metrics=elliot"))
    assert {k for key, k in five.items() if key.endswith(".k")} == {5}
    assert settings("metrics", "metrics=fast_20") == settings("metrics", "metrics=fast")
    both = settings("metrics", "metrics=ndcg_10", "metrics.ndcg.k=7")
    assert both["metrics.ndcg.k"] == 7


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("metrics=chr", "metrics: no choice 'chr'; did you mean 'chr_20'"),
        ("metrics=chr_7.5", r"metrics.chr.k: expected int, got 7.5"),
        ("metrics=chr_0", "metrics.chr"),
        ("budget=linf_08", "budget: no choice 'linf_08'; did you mean 'linf_8'"),
        ("budget=linf_N", "budget: no choice 'linf_N'; did you mean 'linf_"),
        ("budget=linf_", "budget: no choice 'linf_'; did you mean 'linf_"),
        ("budget=linf_1.50", "budget: no choice 'linf_1.50'"),
        ("budget=rows_30", "budget: no choice 'rows_30'"),
        ("budget=l2_-3", "budget: no choice 'l2_-3'"),
        ("recommender=vbpr/tide", "recommender: no choice 'vbpr/tide'; did you mean 'vbpr/tied'"),
        ("budget=linf_1e3", "budget: no choice 'linf_1e3'"),
    ],
)
def test_what_no_table_names_is_no_choice(override, says):
    with pytest.raises(ConfigError, match=says):
        preflight([override], CONF)


@pytest.mark.parametrize("axis", sorted(OLD))
def test_what_was_spelled_otherwise_is_composed_under_its_new_name(axis):
    known = choice_names(axis, CONF)
    for old, new in OLD[axis].items():
        assert old not in known
        assert new in known
        assert current(axis, old, CONF) == new
        assert current(axis, new, CONF) == new


def test_an_earlier_spelling_composes_what_it_did():
    assert settings("recommender", "recommender=vbpr_men")["recommender.l2"] == 0.03
    assert settings("recommender", "recommender=vbpr_men") == settings(
        "recommender", "recommender=vbpr/clothing_men"
    )
    swept = ["-m", "recommender=fm_men,vbpr_tied_men,slim_ml", "scenario=thirty"]
    preflight(swept, CONF)


def test_a_row_has_choices_inside_like_a_file():
    base = ["threat=transfer_poisoning", "extractor@threat.surrogate=photos_free"]
    made = settings("threat", *base)
    assert made["threat.timing"] == "poisoning"
    assert made["threat.surrogate.replay"] == 4
    front = settings("extractor", "extractor=photos_bits_3", "extractor@extractor.inner=free")
    assert (front["extractor.bits"], front["extractor.inner.network.width"]) == (3, 16)


def test_ones_own_files_stand_before_and_over_rows(tmp_path):
    place = tmp_path / "recommender" / "vbpr"
    place.mkdir(parents=True)
    own = "defaults:\n  - /recommender/vbpr/tied@_here_\n  - _self_\n\nl2: 0.5\n"
    (place / "mine.yaml").write_text(own)
    (tmp_path / "recommender" / "vbpr_men.yaml").write_text(own.replace("0.5", "0.7"))
    assert "vbpr/mine" not in choice_names("recommender", CONF)
    with own_first(tmp_path):
        assert {"vbpr/mine", "vbpr_men"} < set(choice_names("recommender", CONF))
        made = settings("recommender", "recommender=vbpr/mine")
        assert (made["recommender.l2"], made["recommender.tied"]) == (0.5, True)
        assert settings("recommender", "recommender=vbpr_men")["recommender.l2"] == 0.7
        assert called("recommender", "vbpr_men", CONF) == "vbpr_men"
    assert called("recommender", "vbpr_men", CONF) == "vbpr/clothing_men"


def test_a_record_may_name_rows_and_nothing_outside(tmp_path):
    made = compose_record(["recommender=vbpr/clothing_men", "budget=linf_0.5"], CONF)
    assert (made.cfg.recommender.l2, made.cfg.budget.eps) == (0.03, 0.5)
    assert compose_record(["recommender=vbpr_men"], CONF).cfg.recommender.l2 == 0.03
    for outside in (
        "vbpr/../vbpr",
        "../recommender/vbpr",
        "/vbpr",
        "vbpr/",
        "vbpr//tied",
        "linf_1",
    ):
        with pytest.raises(ConfigError, match="is not composed: recommender has no such choice"):
            compose_record([f"recommender={outside}"], CONF)


def test_a_row_of_an_experiment_takes_its_sweep_with_it():
    assert cells(["experiment=collaborative/ml_100k_by_hand"], CONF) == 16 * 3
    assert cells(["experiment=amr_test/hm"], CONF) == 2 * 2 * 3 * 5
    assert cells(["experiment=parameters_ml", "seed=0"], CONF) == 2 * 7 * 8
    made = Composition(["experiment=attacks_budgets/hm"], CONF)
    assert (made.choices["dataset"], made.choices["scenario"]) == ("hm", "tail")
    assert made.cfg.scenario.max_items == 8
