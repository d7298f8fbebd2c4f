"""The packages of the distribution: the folder `resources` is installed under a name that nobody else has."""

from setuptools import find_namespace_packages, find_packages, setup

RESOURCES = "gabor_resources"

setup(
    packages=[
        *find_packages(include=["engine", "engine.*", "workbench", "workbench.*"]),
        RESOURCES,
        *(f"{RESOURCES}.{folder}" for folder in find_namespace_packages("resources")),
    ],
    package_dir={RESOURCES: "resources"},
)
