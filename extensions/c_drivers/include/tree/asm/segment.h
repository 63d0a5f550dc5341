/* Segments of x86's processors: the lab's have none. */
