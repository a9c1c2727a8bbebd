"""Optional dependencies (extras), which only some settings and commands need."""

from importlib.util import find_spec

from feed.errors import SettingError

PACKAGES = {"workers": ("celery", "redis"), "chats": ("apprise",), "sign-on": ("authlib",)}


def require(extra: str, setting: str) -> None:
    """Raise SettingError with the install command unless an extra is installed.

    `setting` is the setting or the command that needs it.
    """
    if not all(map(_installed, PACKAGES[extra])):
        raise SettingError(
            (
                "%(setting)s needs “devis[%(extra)s]”, which is not installed. Install it with:"
                " %(command)s (in a checkout: make extras)."
            ),
            setting=setting,
            extra=extra,
            command=f"pip install 'devis[{extra}]'",
        )


def _installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False
