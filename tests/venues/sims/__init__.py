"""Small exchanges for the tests: books that move at random, spoken in each venue's own protocol, over real sockets or by hand."""
