"""Working days and holidays of a country or subdivision, from the `holidays` library.

The library is imported when it is first needed: most sites publish every day.
"""

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from feed.errors import SettingError

if TYPE_CHECKING:
    from holidays import HolidayBase

# De facto holidays are those on which people are free without a law on holidays that says so, such
# as Midsummer Eve in Sweden. The other categories are those of banks, schools or a religion.
CATEGORIES = ("public", "de_facto")


class RegionalHolidays:
    """The calendar of a region, such as `SE` or `DE-BY`. Thread-safe."""

    def __init__(self, country: str, subdivision: str | None) -> None:
        from holidays import country_holidays

        known = country_holidays(country)
        self._region = country, subdivision
        self._categories = tuple(set(CATEGORIES) & set(known.supported_categories))
        self._languages = known.supported_languages or ()
        self._year("", 2027)  # raises NotImplementedError for an unknown subdivision

    def is_working_day(self, day: date) -> bool:
        """Whether a date is neither a holiday nor in the region's weekend."""
        return self._year("", day.year).is_working_day(day)

    def name(self, day: date, language: str) -> str | None:
        """The name of the holiday: in `language`, else in English, else as the region calls it."""
        return self._year(self._language(language), day.year).get(day)

    def _language(self, wanted: str) -> str:
        """The locale for a language tag; empty for the region's own."""
        for tag in (wanted.replace("-", "_"), wanted.partition("-")[0], "en"):
            for known in self._languages:
                if known.casefold() == tag.casefold() or known.startswith(f"{tag}_"):
                    return known
        return ""

    @lru_cache(maxsize=256)  # noqa: B019 – there are few regions, and `of` keeps them
    def _year(self, language: str, year: int) -> "HolidayBase":
        """The holidays of a year: complete, so that no thread changes what another one reads."""
        from holidays import country_holidays

        country, subdivision = self._region
        return country_holidays(
            country,
            subdiv=subdivision,
            years=year,
            expand=False,
            language=language or None,
            categories=self._categories,
        )


@lru_cache(maxsize=8)
def of(region: str) -> RegionalHolidays:
    """The calendar of a region. Raises SettingError for one that is not known."""
    country, _, subdivision = region.partition("-")
    try:
        return RegionalHolidays(country, subdivision or None)
    except (NotImplementedError, ValueError) as error:
        raise SettingError(
            "%(setting)s is “%(value)s”: expected a country, or one of its subdivisions, whose"
            " holidays are known, such as workdays:SE or workdays:DE-BY (%(detail)s).",
            setting="DEVIS_DAYS",
            value=f"workdays:{region}",
            detail=error,
        ) from None
