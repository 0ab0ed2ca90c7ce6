"""What the desk measures about itself: histograms and counters. Reads no clock; the measured values are handed in."""
