"""Makes a small environment of its own for a build: make_environment.py VENV PACKAGES.

It adds the folder PACKAGES to everything that the running interpreter can import, so that several
builds may share one cached environment without getting in each other's way.
"""

import pathlib
import sys
import sysconfig
import venv

place, packages = map(pathlib.Path, sys.argv[1:])
if not (place / "bin" / "python").exists():
    venv.create(place, with_pip=False, symlinks=True)
version = f"python{sys.version_info.major}.{sys.version_info.minor}"
paths = [packages, sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
(place / "lib" / version / "site-packages" / "lanner.pth").write_text(
    "\n".join(dict.fromkeys(map(str, paths))) + "\n"
)
