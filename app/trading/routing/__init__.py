"""Where an order goes: the same thing listed by several venues, compared, chosen, split, and the choice explained.

``capabilities``  what each venue takes natively, and what this desk would have to hold.
``rules``         what the trader wants of the router; kept in the journal.
``candidates``    the listings that an order could go to, with what speaks against each.
``planning``      one venue or several, at the least all-in cost, in exact integers.
``explaining``    the choice in numbers and words, as it is journalled and shown (``plan``).
``sending``       from a ticket to the legs, checked one by one and as a whole.
``accounts``      the same over several accounts, where the trader named them.

Imported when the first order is routed: a start of the desk pays nothing for it. What the journal knows of routed orders is in `app.trading.routed`.
"""
