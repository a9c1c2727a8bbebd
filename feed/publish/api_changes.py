"""The API's list of changes, as pydantic models like those in `api_models`."""

from datetime import datetime

from pydantic import Field

from feed.model.changes import Act, Change
from feed.publish.api_models import Address, ApiModel, Day, EditionModel


class ChangeModel(ApiModel):
    """Something that happened to an edition."""

    id: int = Field(ge=1, description="Counts up: a later change has a greater one.")
    at: datetime = Field(description="When it happened; never before an earlier change.")
    act: Act = Field(
        description="published; replaced, by this version; corrected, in its text, its themes or"
        " its source; or withdrawn."
    )
    date: Day
    version: int = Field(ge=1, description="Which of the editions of the date it is about.")
    edition: EditionModel | None = Field(
        description="The edition as it is now; null where it has been withdrawn or replaced since."
        " Its `next` is no change of its own: it follows from the other dates."
    )


class Changes(ApiModel):
    """Changes, oldest first."""

    items: list[ChangeModel] = Field(description="The changes of this page, oldest first.")
    next: Address | None = Field(description="The next page; null on the last one.")
    later: Address = Field(description="Where to ask, later, for what comes after this page.")


def change(item: Change, edition: EditionModel | None) -> ChangeModel:
    """The response for a change; `edition` is its edition, None where that no longer stands."""
    return ChangeModel(
        id=item.id,
        at=item.at,
        act=item.act,
        date=item.edition.date,
        version=item.edition.number,
        edition=edition,
    )
