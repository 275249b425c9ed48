"""Read models and what-ifs as pages for a browser: each is one file that needs nothing but itself, no network.

    cells    numbers, times and words as a reader sees them
    charts   plotly's figures, as data; `bar_charts` those made of bars
    page     what a page is made of, and how it becomes HTML; its look is `page.css`, its behaviour `page.js`
    thinning, candles    what keeps a page small however long the run was
    report   one page a read model: `pnl`, `equity`, `accounts`, `stats`, `signals`, `orders`, `health`, and `trades`
             (drawn `on_candles`) for positions, real and virtual
    what_if  two outcomes side by side
    file     where a page is written to

The same run gives the same bytes.
"""
