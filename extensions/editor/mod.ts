/** What other members use of `extensions/editor`. */
