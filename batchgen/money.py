"""US dollars: as exact decimals, as the whole nano-dollars that are counted against caps, and as text."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

NANO = Decimal(1_000_000_000)
_SHOWN_DIGITS = Decimal("0.000001")


def nano(amount: Decimal) -> int:
    """US dollars as whole nano-dollars, rounded up: what is counted against a cap is never less than what it is."""
    return int((amount * NANO).to_integral_value(ROUND_CEILING))


def usd(amount: int) -> Decimal:
    """Nano-dollars as US dollars."""
    return Decimal(amount) / NANO


def dollars(amount: Decimal) -> str:
    """An amount as text, to a millionth."""
    return f"{amount.quantize(_SHOWN_DIGITS).normalize():f}"


def exact(amount: Decimal) -> str:
    """An amount as text, with all its digits."""
    return f"{amount.normalize():f}" if amount else "0"
