from tests.conftest import Installation, fetch


def test_a(devis: Installation, live: str) -> None:
    assert devis.client().get("/sv/").status_code == 200
    assert fetch(live + "/sv/").status == 200
    assert fetch(live + "/").status == 302
