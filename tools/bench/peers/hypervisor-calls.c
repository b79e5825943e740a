/* Cheap calls on libxenctrl in a loop. Arguments: find or list, count. Prints nanoseconds for each call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xenctrl.h>

/* As many as our side has room for after it has seen the list once, with as many to spare. */
#define ROOM 1016

static xc_domaininfo_t domains[ROOM];

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

int main(int argc, char **argv)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	if (argc != 3 || xc == NULL)
		return 1;
	const unsigned room = strcmp(argv[1], "list") == 0 ? ROOM : 1;
	const int count = atoi(argv[2]);
	double start = 0;
	/* The first tenth warms up. */
	for (int i = -count / 10; i < count; i++) {
		if (i == 0)
			start = now_ns();
		if (xc_domain_getinfolist(xc, 0, room, domains) < 1)
			return 1;
	}
	printf("%.1f\n", (now_ns() - start) / count);
	return xc_interface_close(xc);
}
