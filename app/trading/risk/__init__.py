"""Risk: limits, the three states of every scope, the check before every order and the watch in between.

    limits   which rules there are, their scopes, defaults and how a limit is written
    book     exposure per owner and instrument, kept up to date with every event
    desk     limits and states as the journal tells them
    gate     the check of one order
    watch    the continuous rules: loss, drawdown, exposure that the market moved
    view     what the risk page is told
"""
