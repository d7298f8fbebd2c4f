"""The packages of the distribution: the folder `resources` is installed under a name that nobody else has."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["engine", "engine.*", "workbench", "workbench.*"]), "gabor_resources"],
    package_dir={"gabor_resources": "resources"},
)
