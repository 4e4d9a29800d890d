"""The style and the panels: what is drawn is what was given, and nothing leaks into Matplotlib's settings."""

import io

import matplotlib
import numpy as np
import pytest

from ganth import plotting
from ganth.errors import ShapeError


@pytest.fixture
def ax():
    with plotting.style():
        yield plotting.figure().subplots()


def test_style_comes_and_goes():
    with matplotlib.rc_context({"lines.linewidth": 9.0}):
        with plotting.style():
            assert matplotlib.rcParams["lines.linewidth"] == 1.5
            assert matplotlib.rcParams["text.usetex"] is False
            cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        assert matplotlib.rcParams["lines.linewidth"] == 9.0
    assert cycle == list(plotting.PALETTE.values())


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    for name in "ab":
        with plotting.style():
            fig = plotting.figure()
            fig.set_size_inches(3, 2)
            fig.subplots().set_xlabel("width σ [λ̃ p̃ √μ]")
            plotting.save(fig, tmp_path / f"{name}.png")
    a, b = ((tmp_path / f"{name}.png").read_bytes() for name in "ab")
    assert a == b
    assert (int.from_bytes(a[16:20], "big"), int.from_bytes(a[20:24], "big")) == (480, 320)


def test_trajectories_end_where_the_particles_end(ax):
    particles = np.arange(24.0).reshape(4, 3, 2)
    true = np.zeros((2, 2))
    plotting.trajectories(ax, particles, true)
    drawn = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(drawn["generated"], particles[-1])
    np.testing.assert_array_equal(drawn["true"], true)
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), particles[:, 1])
    plotting.trajectories(ax, particles[None], true)
    with pytest.raises(ShapeError, match=r"particles must have shape .* got \(3, 2\)"):
        plotting.trajectories(ax, particles[0], true)
    with pytest.raises(ShapeError, match=r"true_points must have shape \(n, 2\), got \(2, 3\)"):
        plotting.trajectories(ax, particles, np.zeros((2, 3)))


def test_heatmap_centres_its_colours_and_leaves_nan_blank(ax):
    values = np.array([[1.0, np.nan], [-3.0, 0.0], [2.0, 0.5]])
    mesh = plotting.heatmap(ax, [0, 1], [0, 1, 2], values, label="f", centred=True)
    assert mesh.get_clim() == (-3.0, 3.0)
    assert np.ma.getmaskarray(mesh.get_array()).sum() == 1
    assert len(ax.get_figure().axes) == 2
    assert plotting.heatmap(ax, [0, 1], [0, 1, 2], values, limits=(0.0, 1.0)).get_clim() == (0.0, 1.0)
    with pytest.raises(ShapeError, match=r"values must have shape \(ny, nx\) = \(2, 3\), got \(3, 2\)"):
        plotting.heatmap(ax, [0, 1, 2], [0, 1], values)


def test_quantile_band_has_the_colour_of_its_line(ax):
    plotting.quantile_band(ax, [0, 1], [1, 2], [0, 1], [2, 3], label="d = 2", color="green")
    band = ax.collections[0]
    assert ax.lines[0].get_color() == plotting.PALETTE["green"]
    np.testing.assert_allclose(band.get_facecolor()[0][:3], matplotlib.colors.to_rgb(plotting.PALETTE["green"]))
    assert (band.get_datalim(ax.transData).y0, band.get_datalim(ax.transData).y1) == (0.0, 3.0)


def test_complex_roots_take_complex_or_pairs(ax):
    roots = np.array([1 + 2j, -1 - 2j])
    plotting.complex_roots(ax, roots, label="a")
    plotting.complex_roots(ax, np.column_stack([roots.real, roots.imag]), label="b")
    drawn = {line.get_label(): line.get_xydata() for line in ax.lines}
    np.testing.assert_array_equal(drawn["a"], [[1, 2], [-1, -2]])
    np.testing.assert_array_equal(drawn["a"], drawn["b"])
    assert sum(line.get_gid() == "stability limit" for line in ax.lines) == 1
    with pytest.raises(ShapeError, match="roots must be complex"):
        plotting.complex_roots(ax, [1.0, 2.0])


def test_a_panel_can_be_saved():
    with plotting.style():
        fig = plotting.figure()
        plotting.heatmap(fig.subplots(), [0, 1], [0, 1], np.eye(2), label="x")
        plotting.save(fig, (memory := io.BytesIO()))
    assert memory.getvalue().startswith(b"\x89PNG")


def test_phase_points_are_means_of_what_is_known(ax):
    values = np.array([[[1.0, 3.0], [np.nan, 5.0]], [[np.nan, np.nan], [0.0, 2.0]], [[4.0, 4.0], [6.0, 8.0]]])
    dots = plotting.phase_points(ax, [1, 10, 100], [2, 3], values, label="metric", limits=(0, 9))
    assert dots.get_array().tolist() == [2, 5, 1, 4, 7]
    assert dots.get_offsets().tolist() == [[1, 2], [1, 3], [10, 3], [100, 2], [100, 3]]
    crossed = ax.lines[0].get_xydata().tolist()
    assert crossed == [[1, 3], [10, 2]]
    assert (ax.get_xscale(), dots.get_clim()) == ("log", (0, 9))
    with pytest.raises(ShapeError, match="values must have shape"):
        plotting.phase_points(ax, [1, 10], [2, 3], values)


def test_phase_points_take_the_first_seed_for_those_not_played(ax):
    values = np.array([[[1.0, np.nan], [2.0, 4.0]], [[np.nan, np.nan], [5.0, np.nan]]])
    played = np.array([[[True, False], [True, True]], [[True, False], [True, True]]])
    dots = plotting.phase_points(ax, [1, 10], [2, 3], values, played=played)
    assert dots.get_array().tolist() == [1, 3, 5]
    assert ax.lines[0].get_xydata().tolist() == [[10, 2], [10, 3]]


def test_a_boundary_shows_its_points_and_its_laws(ax):
    nan = np.nan
    bars = [[1.5, 3.0], [nan, nan], [nan, nan]]
    plotting.boundary(ax, [1, 10, 100], [2, 4, nan], bars, {"square root": np.sqrt}, label="measured", xscale="linear")
    assert ax.containers[0][0].get_xydata().tolist() == [[1, 2], [10, 4]]
    ends = ax.containers[0][2][0].get_segments()
    assert ends[0].tolist() == [[1, 1.5], [1, 3]]
    law = ax.lines[-1]
    np.testing.assert_allclose(law.get_ydata() ** 2, law.get_xdata())
    assert (law.get_label(), ax.get_xscale(), ax.get_yscale()) == ("square root", "linear", "log")
    with pytest.raises(ShapeError, match="must agree"):
        plotting.boundary(ax, [1, 10], [2, 4, nan], bars, {})


def test_image_grids_hold_every_image(ax):
    images = np.linspace(-1, 1, 3 * 4 * 5).reshape(3, 4, 5, 1)
    plotting.image_grid(ax, images, columns=2)
    (drawn,) = ax.images
    sheet = drawn.get_array()
    assert sheet.shape == (10, 12)
    for i, (top, left) in enumerate([(0, 0), (0, 7), (6, 0)]):
        np.testing.assert_allclose(sheet[top : top + 4, left : left + 5], (images[i, ..., 0] + 1) / 2)
    assert (sheet[6:, 7:] == 1).all()
    plotting.image_grid(ax, np.zeros((1, 4, 5, 3)))
    assert ax.images[1].get_array().shape == (4, 54, 3)
    with pytest.raises(
        ShapeError, match=r"images must have shape \(n, height, width, 1 or 3\), n >= 1, got \(3, 4, 5, 2\)"
    ):
        plotting.image_grid(ax, np.zeros((3, 4, 5, 2)))


def test_the_metrics_trace_shows_rules(ax):
    plotting.metric_trace(ax, [0, 1, 2], [1.0, 5.0, 3.0], {"printed": 4.0, "scale-invariant": 9.0}, {"printed": 1})
    labels = ax.get_legend_handles_labels()[1]
    assert labels == ["metric", "printed: epoch 1", "scale-invariant: never"]
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert [line.get_xydata().tolist() for line in crosses] == [[[1.0, 5.0]]]
    assert ax.get_yscale() == "log"
