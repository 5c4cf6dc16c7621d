"""Short cuts through arrays give what numpy's long ways give."""

import numpy as np

from workers.cad.elementary import distinct_rows
from workers.cad.part import Mesh
from workers.facts.opposite import _least_of_each
from workers.facts.rays import RayScene
from workers.plain_json import plain

RANDOM = np.random.default_rng(5)


def test_distinct_rows_are_those_of_numpy() -> None:
    for count in (0, 1, 200):
        rows = RANDOM.integers(-2, 2, (count, 3)).astype(float)
        unique, inverse = np.unique(rows, axis=0, return_inverse=True)
        found, number = distinct_rows(rows)
        assert np.array_equal(found, unique)
        assert np.array_equal(number, inverse.ravel())


def test_the_first_of_the_least_stands_for_each_key() -> None:
    key, distance = RANDOM.integers(0, 20, 500), RANDOM.integers(0, 4, 500).astype(float)
    order = np.lexsort((distance, key))
    _, first, counts = np.unique(key[order], return_index=True, return_counts=True)
    best, many = _least_of_each(key, distance)
    assert np.array_equal(best, order[first])
    assert np.array_equal(many, counts)


def test_rays_of_many_directions_are_as_free_as_one_after_the_other() -> None:
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    scene = RayScene(Mesh(corners, np.array([[0, 1, 2]]), np.array([0]), 0.1))
    points, directions = RANDOM.uniform(-0.5, 1.0, (300, 3)), RANDOM.normal(size=(300, 3))
    one_by_one = [bool(scene.is_free(p[None], d)[0]) for p, d in zip(points, directions, strict=True)]
    assert scene.are_free(points, directions).tolist() == one_by_one
    assert 0 < sum(one_by_one) < 300


def test_arrays_become_plain_like_the_numbers_in_them() -> None:
    numbers = RANDOM.normal(size=(50, 3))
    found = plain({"at": numbers, "faces": np.arange(3), "is": np.array([True]), "one": np.float32(0.1)})
    assert found["at"] == [[round(float(x), 6) + 0.0 for x in row] for row in numbers]
    assert (found["faces"], found["is"], found["one"]) == ([0, 1, 2], [True], 0.1)
    assert type(found["faces"][0]) is int and type(found["is"][0]) is bool
