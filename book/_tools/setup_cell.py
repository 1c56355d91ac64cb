# Set-up for Colab: installs what is missing there and does nothing elsewhere.
import importlib.metadata
import importlib.util
import subprocess
import sys
from pathlib import Path

REPOSITORY = "ADDRESS"
VERSION = "BRANCH"

if "google.colab" in sys.modules:
    wanted = {
        "cvxpy": ["cvxpy>=1.6"],
        "frozendict": ["frozendict>=2.3.8"],
        "jaxtyping": ["jaxtyping>=0.3"],
        "optax": ["optax>=0.2.4"],
        "taylorlib": ["--no-deps", f"git+{REPOSITORY}@{VERSION}"],
        # its dependencies would bring TensorFlow
        "neural_tangents": ["--no-deps", "neural-tangents==0.6.5"],
    }
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if "taylorlib" in missing and "/-owner-/" in REPOSITORY:
        raise RuntimeError("This copy of the book has no public address yet; see README.md.")
    # Colab's own packages stay as they are: pip fails rather than change one of these.
    kept = ["jax", "jaxlib", "matplotlib", "ml_dtypes", "numpy", "scipy"]
    lines = [f"{name}=={importlib.metadata.version(name)}\n" for name in kept]
    Path("book-constraints.txt").write_text("".join(lines))
    pip = [sys.executable, "-m", "pip", "install", "-q", "-c", "book-constraints.txt"]
    for name in missing:
        subprocess.run([*pip, *wanted[name]], check=True)
    importlib.invalidate_caches()  # so that no restart is needed
    print(f"Installed {', '.join(missing)}." if missing else "Nothing was missing.")
