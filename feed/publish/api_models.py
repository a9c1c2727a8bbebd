"""API responses as pydantic models: they validate what is sent, and describe it in OpenAPI."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from feed import model
from feed.publish import markup
from feed.publish.api_query import Absent, RequestLocale

VERSION = "1.0.0"

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", examples=["leave-a-space"])]
OwnSlug = Annotated[Slug, Field(description="Its permanent name in addresses.")]
SourceSlug = Annotated[Slug, Field(description="The slug of its source.", examples=["leaderful"])]
ThemeSlugs = Annotated[list[Slug], Field(description="The slugs of its themes.")]
Kind = Annotated[model.Kind, Field(description="An idea in our words, or the source’s own words.")]
Number = Annotated[int, Field(ge=0, description="How many there are on all pages.")]
Address = Annotated[str, Field(json_schema_extra={"format": "uri"})]
Day = Annotated[date, Field(description="A calendar date, in the site’s time zone.")]
Language = Annotated[str, Field(description="A BCP 47 language tag.", examples=["sv"])]


def schema_name(model: type[BaseModel]) -> str:
    """The public name of a model in the OpenAPI document: its class name without `Model`."""
    return model.__name__.removesuffix("Model")


class ApiModel(BaseModel):
    """Base of the response models. Within /api/v1, fields are only ever added.

    The docstrings and descriptions of the models are part of the public OpenAPI document.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, model_title_generator=schema_name)


class TextModel(ApiModel):
    """A principle in one language. A part that does not exist is null."""

    language: Annotated[Language, Field(description="The language that the parts are in.")]
    requested_language: Annotated[Language, Field(description="The language that was asked for.")]
    fallback: bool = Field(description="Whether the original stands in for a missing language.")
    title: str = Field(description="A short heading.", examples=["Leave a space"])
    short: str | None = Field(
        description="One line for narrow places, 90 characters at most; the title does, without it."
    )
    statement: str = Field(description="The principle itself, in a few sentences.")
    reflection: str | None = Field(description="A question to think about.")
    practice: str | None = Field(description="A small act for today.")
    team: str | None = Field(description="Ten minutes at the next meeting of a team.")
    commentary: str | None = Field(
        description="Why it matters; paragraphs have a blank line between."
    )


FirstText = Annotated[
    TextModel, Field(description="In the language asked for; of several, the first.")
]
# Left out, not null, where one language was asked for.
Texts = Annotated[
    list[TextModel] | Absent,
    Field(
        json_schema_extra=lambda schema: schema.pop("default"),  # null, which is not sent
        exclude_if=lambda texts: texts is None,
        description="In each language, in the order asked for; only where several were asked for.",
    ),
]


class EditionModel(ApiModel):
    """The principle of one day."""

    date: Day
    next: Day | None = Field(
        description="The date of the edition after it; of the newest, the date on which the next"
        " one comes. Null where none is planned."
    )
    version: int = Field(ge=1, description="1; 2 and on where the date’s edition was replaced.")
    slug: OwnSlug
    kind: Kind
    themes: ThemeSlugs
    source: SourceSlug
    credit: str = Field(description="Whom to name beside the text, in the language asked for.")
    url: Address = Field(description="The page of the day.")
    image: Address = Field(description="The day as a picture, 1200 × 630.")
    published: datetime = Field(
        description="When it appeared: the start of its date, or later if it was made later."
    )
    updated: datetime = Field(description="The last change that a reader of the language can see.")
    text: FirstText
    texts: Texts = None


class PrincipleModel(ApiModel):
    """A principle of the library."""

    slug: OwnSlug
    kind: Kind
    themes: ThemeSlugs
    source: SourceSlug
    credit: str = Field(description="Whom to name beside the text, in the language asked for.")
    url: Address = Field(description="Its page.")
    languages: list[Language] = Field(description="The languages it can be read in.")
    updated: datetime | None = Field(description="Its last correction; null before the first.")
    text: FirstText
    texts: Texts = None


class PrincipleDetailModel(PrincipleModel):
    """A principle of the library, with the days on which it was shown."""

    shown: list[Day] = Field(description="The dates of its editions, newest first.")


class ThemeModel(ApiModel):
    """One word of the fixed vocabulary."""

    slug: OwnSlug
    language: Annotated[Language, Field(description="The language that the name is in.")]
    name: str = Field(description="What the theme is called.", examples=["Change"])
    description: str = Field(description="What belongs to it; empty where nobody wrote it.")
    principles: int = Field(ge=0, description="How many published principles it has.")
    url: Address = Field(description="Its page.")
    feed: Address = Field(description="Its Atom feed.")


class SourceModel(ApiModel):
    """A text that principles come from. What is not known is null."""

    slug: OwnSlug
    title: str = Field(description="What the text is called.")
    language: Annotated[Language, Field(description="The language of the title.")]
    author: str | None = Field(description="Who wrote it.")
    publisher: str | None = Field(description="Who published it.")
    year: int | None = Field(description="The year in which it was published.", examples=[2019])
    introduction: str = Field(description="What the text is about; empty where nobody wrote it.")
    introduction_language: Annotated[
        Language, Field(description="The language of the introduction and of the rights.")
    ]
    rights: str = Field(description="Who may use the text, and how; empty where nobody wrote it.")
    principles: int = Field(ge=0, description="How many published principles it has.")
    url: Address = Field(description="Its page.")
    original_url: Address | None = Field(description="Where the text itself is.")
    feed: Address = Field(description="Its Atom feed.")


Item = TypeVar("Item", bound=ApiModel)


class Page(ApiModel, Generic[Item]):
    """A page of a list: next and prev are addresses, null at its ends."""

    items: list[Item] = Field(description="What is on this page.")
    total: Number
    page: int = Field(ge=1, description="The number of this page.")
    pages: int = Field(ge=1, description="How many pages there are.")
    next: Address | None = Field(description="The next page; null on the last one.")
    prev: Address | None = Field(description="The page before; null on the first one.")


class Editions(Page[EditionModel]):
    """Editions, newest first."""


class Principles(Page[PrincipleModel]):
    """Principles, by title or the best match first."""


class Themes(ApiModel):
    """Every theme, in the order of their slugs."""

    items: list[ThemeModel] = Field(description="All of them.")
    total: Number


class Sources(ApiModel):
    """Every source, in the order of their slugs."""

    items: list[SourceModel] = Field(description="All of them.")
    total: Number


class ProblemModel(ApiModel):
    """What went wrong (RFC 9457)."""

    type: Address = Field(description="The address that explains this kind of problem.")
    title: str = Field(description="The kind of problem, in a few words.")
    status: int = Field(description="The status of the response.", examples=[404])
    detail: str = Field(description="What went wrong here, in the language of Accept-Language.")
    parameter: str | None = Field(None, description="The parameter that is at fault.")
    expected: str | None = Field(None, description="What was expected of it.")


def text(locale: RequestLocale, shown: model.Text) -> TextModel:
    """The response for a principle's text."""
    parts: dict[str, Any] = {name: getattr(shown, name) or None for name in model.TEXT_FIELDS}
    return TextModel(
        language=shown.language,
        requested_language=locale.tag,
        fallback=locale.falls_back(shown),
        **parts,
    )


def texts(locales: Sequence[RequestLocale], principle: model.Principle) -> list[TextModel] | None:
    """The text in each of several languages; None for one."""
    if len(locales) == 1:
        return None
    return [text(locale, locale.text(principle)) for locale in locales]


def edition(
    locales: Sequence[RequestLocale], showing: model.Showing, following: date | None = None
) -> EditionModel:
    """The response for an edition; all but its texts are in the first language.

    `following` is the date of the next one, if not the next publication day.
    """
    locale = locales[0]
    principle, shown = showing.principle, locale.text(showing.principle)
    language = locale.page_language(shown)
    return EditionModel(
        date=showing.edition.date,
        next=following or locale.site.next_day(showing.edition.date),
        version=showing.edition.number,
        slug=principle.slug,
        kind=principle.kind,
        themes=list(principle.themes),
        source=principle.source,
        credit=markup.credit(locale.translator, showing.source, principle),
        url=locale.edition_url(showing),
        image=locale.site.url(f"/{language}/card/{showing.edition.date.isoformat()}.png"),
        published=showing.edition.published,
        updated=max(locale.updated(showing) for locale in locales),
        text=text(locale, shown),
        texts=texts(locales, principle),
    )


def principle(
    locales: Sequence[RequestLocale], item: model.Principle, source: model.Source
) -> PrincipleModel:
    """The response for a principle; all but its texts are in the first language."""
    locale, shown = locales[0], locales[0].text(item)
    corrections = (item.corrected, *(locale.text(item).corrected for locale in locales))
    changes = [change for change in corrections if change]
    readable = [code for code in locale.site.languages if item.text(code).language == code]
    return PrincipleModel(
        slug=item.slug,
        kind=item.kind,
        themes=list(item.themes),
        source=item.source,
        credit=markup.credit(locale.translator, source, item),
        url=locale.site.url(f"/{locale.page_language(shown)}/principles/{item.slug}/"),
        languages=readable,
        updated=max(changes, default=None),
        text=text(locale, shown),
        texts=texts(locales, item),
    )


def detail(
    locales: Sequence[RequestLocale],
    item: model.Principle,
    source: model.Source,
    dates: Sequence[date],
) -> PrincipleDetailModel:
    """The response for a principle with the dates of its editions, newest first."""
    return PrincipleDetailModel(**dict(principle(locales, item, source)), shown=list(dates))


def themes(
    locale: RequestLocale, items: Sequence[model.Theme], counts: Mapping[str, int]
) -> Themes:
    """The response that lists every theme; `counts` has the published principles by slug."""
    found = [theme(locale, item, counts.get(item.slug, 0)) for item in items]
    return Themes(items=found, total=len(found))


def theme(locale: RequestLocale, item: model.Theme, principles: int) -> ThemeModel:
    """The response for a theme."""
    language, shown = item.text(locale.interface)
    home = locale.site.url(f"/{locale.interface}/themes/{item.slug}/")
    return ThemeModel(
        slug=item.slug,
        language=language,
        name=shown.name,
        description=shown.description,
        principles=principles,
        url=home,
        feed=f"{home}feed.atom",
    )


def sources(
    locale: RequestLocale, items: Sequence[model.Source], counts: Mapping[str, int]
) -> Sources:
    """The response that lists every source; `counts` has the published principles by slug."""
    found = [source(locale, item, counts.get(item.slug, 0)) for item in items]
    return Sources(items=found, total=len(found))


def source(locale: RequestLocale, item: model.Source, principles: int) -> SourceModel:
    """The response for a source."""
    language, shown = item.text(locale.interface)
    home = locale.site.url(f"/{locale.interface}/sources/{item.slug}/")
    return SourceModel(
        slug=item.slug,
        title=item.title,
        language=item.language,
        author=item.author,
        publisher=item.publisher,
        year=item.year,
        introduction=shown.introduction,
        introduction_language=language,
        rights=shown.rights,
        principles=principles,
        url=home,
        original_url=item.url,
        feed=f"{home}feed.atom",
    )
