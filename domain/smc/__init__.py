"""Smart money concepts: the structure of a frame, read from its closed candles one at a time.

- `bars.py`: candles as ln(price); `swings.py`: swing points, structure code, BOS and CHoCH
- `blocks.py`: order blocks; `gaps.py`: fair value gaps; `liquidity.py`: zones, grabs, traps, institutional candles
- `structure.py`: all of it together, one struct a frame

Everything is computed on ln(price) and traded USDT. So a mirrored market (p → k²/p) gives the mirrored structure and a
market in another unit (p → k·p) the same one, exactly. A close is taken in once; what it said is never said
differently later: a swing is *known* five bars after its bar, and counts from then on.

What the old program did wrong (`selflearningtrader.md` §2) and what is done here:

| Defect | Repair |
|---|---|
| Decay of order blocks never applied: they carried neither time nor quality | both are kept: 48/72 h, and tests |
| Blocks counted from the *oldest* 50 bars of the window | from the latest 50 |
| A block stood for ever once price had closed through it | it is dropped |
| Labels of the gaps swapped; a stated window of 30 bars unused; a tick was a gap | side, 30 bars, 0.1 % |
| A bar that jumped right across a gap did not touch it | it fills it |
| Missing candles made gaps and blocks | bars in a row: three for a gap, four for a block, two for a counted one |
| Grab and swing distance got neither price nor ATR: always 0 | they rest on the frame's own |
| Trap: current price above *and* below the level | went beyond within three bars, closed back inside |
| BOS fired at every bar beyond the level | a level breaks once |
| A neutral bar beyond both swings counted as bullish | the farther side; none if equal |
| Trend of a flat market decided by rounding | differences below 10⁻⁹ are none |
| Base volumes compared over changing prices | traded USDT |
"""

from domain.smc.bars import Bar, bar_of
from domain.smc.blocks import Blocks, OrderBlock, quality_of, time_decay, wear
from domain.smc.gaps import Gap, Gaps
from domain.smc.liquidity import Reversal, Signs, Zone
from domain.smc.structure import Structure
from domain.smc.swings import Break, Swing, Swings, break_of, structure_code

__all__ = [
    "Bar",
    "Blocks",
    "Break",
    "Gap",
    "Gaps",
    "OrderBlock",
    "Reversal",
    "Signs",
    "Structure",
    "Swing",
    "Swings",
    "Zone",
    "bar_of",
    "break_of",
    "quality_of",
    "structure_code",
    "time_decay",
    "wear",
]
