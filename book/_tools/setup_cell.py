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
        "cvxpy": "cvxpy>=1.6",
        "frozendict": "frozendict>=2.3.8",
        "jaxtyping": "jaxtyping>=0.3",
        "mlxtend": "mlxtend>=0.23",
        "optax": "optax>=0.2.4",
    }
    # without their dependencies, which stand above or would bring TensorFlow
    alone = {
        "taylorlib": f"git+{REPOSITORY}@{VERSION}",
        "neural_tangents": "neural-tangents==0.6.5",
    }
    find = importlib.util.find_spec
    missing = [name for name in wanted | alone if find(name) is None]
    if "taylorlib" in missing and "/-owner-/" in REPOSITORY:
        raise RuntimeError("The book has no public address yet: see README.md.")
    # Colab's own packages stay: pip fails rather than change one of these.
    kept = ["jax", "jaxlib", "matplotlib", "ml_dtypes", "numpy", "scipy"]
    constraints = Path("book-constraints.txt")
    version = importlib.metadata.version
    constraints.write_text("".join(f"{k}=={version(k)}\n" for k in kept))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-compile"]
    pip += ["-c", str(constraints)]
    for group, options in ((wanted, []), (alone, ["--no-deps"])):
        asked = [group[name] for name in missing if name in group]
        if asked:
            subprocess.run([*pip, *options, *asked], check=True)
    importlib.invalidate_caches()  # so that no restart is needed
    print("Installed:", ", ".join(missing) or "nothing, all was there")
