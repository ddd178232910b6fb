"""The operators' log: what anybody can bring about does not fill it."""

from gateway.domain.seldom import Lasting, Seldom


def test_what_comes_often_is_said_at_once_and_then_seldom_with_how_often_it_came() -> None:
    """A stranger without a certificate wrote a line with each of a thousand handshakes a second."""
    seldom = Seldom(every_s=10.0)
    assert seldom.due("expired", 100.0) == 1
    assert [seldom.due("expired", 100.0 + each / 100) for each in range(900)] == [None] * 900
    assert seldom.due("unknown ca", 105.0) == 1, "of another kind"
    assert seldom.due("expired", 110.0) == 901
    assert seldom.due("expired", 111.0) is None


def test_what_lasts_is_said_when_it_begins_each_minute_and_when_it_is_over() -> None:
    lasting = Lasting(every_s=60.0)
    assert not lasting.over(), "nothing was"
    said = [now_s for now_s in range(100, 300) if lasting.due(float(now_s))]
    assert said == [100, 160, 220, 280]
    assert lasting.over() and not lasting.over()
    assert lasting.due(281.0), "another time it begins anew"
