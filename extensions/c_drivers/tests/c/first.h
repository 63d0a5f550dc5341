#ifndef FIRST_H
#define FIRST_H

struct thing {
	int number;
};

#endif
