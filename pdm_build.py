"""The build hook: compile the message catalogues, and put data and catalogues into the wheel."""

from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from pdm.backend.hooks import Context

OUTSIDE = ("data", "translations")  # folders beside the package that a wheel has inside it


def pdm_build_initialize(context: Context) -> None:
    """Write a messages.mo beside every messages.po; before every build, the editable one too."""
    for po in sorted((context.root / "translations").glob("*/LC_MESSAGES/messages.po")):
        with po.open("rb") as source:
            catalogue = read_po(source, locale=po.parts[-3])
        with po.with_suffix(".mo").open("wb") as target:
            write_mo(target, catalogue)


def pdm_build_update_files(context: Context, files: dict[str, Path]) -> None:
    """Add `data/` and `translations/` to a wheel as `feed/data/` and `feed/translations/`."""
    if context.target != "wheel":
        return
    for folder in OUTSIDE:
        for path in sorted((context.root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"feed/{path.relative_to(context.root).as_posix()}"] = path
