"""Packaging for both ways in: colcon (ament_python) and pip."""

from glob import glob

from setuptools import find_packages, setup

PACKAGE = "depth_sr_ros"

# rclpy and its messages as wheels exist for x86-64 Linux only; elsewhere they come with the ROS installation.
WHEELS = 'sys_platform == "linux" and platform_machine == "x86_64"'

ROS = [
    "ros-jazzy-rclpy",
    "ros-rmw-fastrtps-cpp==8.4.3",
    "ros-jazzy-builtin-interfaces",
    "ros-jazzy-diagnostic-msgs",
    "ros-jazzy-geometry-msgs",
    "ros-jazzy-lifecycle-msgs",
    "ros-jazzy-sensor-msgs",
    "ros-jazzy-std-srvs",
]

EXTRAS = {
    "ros": [f"{name}; {WHEELS}" for name in ROS] + ["rosbags", "rosbags-image"],
    "cpu": ["openvino", "onnxruntime"],
    # To make 8-bit graphs; running them needs `cpu` only.
    "quantise": ["openvino", "nncf"],
    # The full TensorRT comes from NVIDIA; the one for RTX cards is a wheel. pycuda is built from source and needs the
    # CUDA toolkit; without it cuda-bindings does everything. ONNX Runtime measures the values that fp16 and int8 have
    # to hold.
    "tensorrt": ["pycuda", "cuda-bindings", "tensorrt-rtx", "onnx", "onnxruntime"],
    # GPU wheels of torch bring Triton along, in the version that fits them
    "cuda": ["torch", "safetensors"],
    "training": [
        "torch",
        "lightning",
        "torchmetrics",
        "tensorboard",
        "onnx",
        "onnxscript",
        "safetensors",
        "pyyaml",
        "pillow",
        "h5py",
        "rosbags",
        "rosbags-image",
        "tqdm",
        "jinja2",
    ],
    # bags into shards on a cluster
    "ray": ["ray"],
    "test": [
        "pytest",
        "pytest-timeout",
        "pytest-xdist",
        "filelock",
        "hypothesis",
        "ruff",
        "mypy",
        "import-linter",
        "types-PyYAML",
        "colcon-common-extensions",
        "psutil",
        "pyyaml",
        "webdataset",
        f"tensorrt-rtx; {WHEELS}",
        f"cuda-bindings; {WHEELS}",
    ],
}

setup(
    name=PACKAGE,
    version="0.5.0",
    description="Guided depth super-resolution: colour and coarse depth in, dense metric depth out",
    long_description="Documentation: README.md of the source repository.",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed", "artifacts/*/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        (f"share/{PACKAGE}/launch", sorted(glob("launch/*.launch.py"))),
        (f"share/{PACKAGE}/config", sorted(glob("config/*.yaml") + glob("config/*.xml"))),
        (f"share/{PACKAGE}/config/cameras", sorted(glob("config/cameras/*"))),
    ],
    # the wheel with ximgproc, for robots too: two wheels of OpenCV in one environment overwrite each other
    install_requires=["numpy", "numba", "opencv-contrib-python-headless", "pyyaml"],
    extras_require=EXTRAS,
    zip_safe=False,
    entry_points={
        "console_scripts": [
            f"depth-sr = {PACKAGE}.commands.main:main",
            f"depth_sr_node = {PACKAGE}.ros.node:main",
        ]
    },
)
