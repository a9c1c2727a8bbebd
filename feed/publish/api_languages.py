"""The API's list of languages, as pydantic models like those in `api_models`."""

from collections.abc import Mapping

from pydantic import Field

from feed import model
from feed.i18n import own_name
from feed.publish.api_models import ApiModel, Language, Number


class SiteLanguage(ApiModel):
    """A language of the site."""

    code: Language
    name: str = Field(description="What the language calls itself.")
    today: bool = Field(description="Whether today’s principle can be read in it.")
    principles: int = Field(ge=0, description="How many published principles can be read in it.")


class Languages(ApiModel):
    """Every language of the site, the first choice first."""

    items: list[SiteLanguage] = Field(description="All of them.")
    total: Number
    timezone: str = Field(description="The zone whose calendar the dates follow.")


def languages(
    site: model.Site, today: model.Showing | None, counts: Mapping[str, int]
) -> Languages:
    """The response that lists the site's languages; `today` is the edition shown now, if any."""
    items = [
        SiteLanguage(
            code=code,
            name=own_name(code),
            today=today is not None and today.text(code).language == code,
            principles=counts.get(code, 0),
        )
        for code in site.languages
    ]
    return Languages(items=items, total=len(items), timezone=site.timezone.key)
