"""Looking into trained networks beside the window: the thread, and what it is asked."""
