/* Cheap calls on libxenctrl in a loop. Arguments: find, list or scheduler, count. Prints nanoseconds for each call. */
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

static int find(xc_interface *xc)
{
	return xc_domain_getinfolist(xc, 0, 1, domains) == 1;
}

static int list(xc_interface *xc)
{
	return xc_domain_getinfolist(xc, 0, ROOM, domains) >= 1;
}

static int scheduler(xc_interface *xc)
{
	int id;
	return xc_sched_id(xc, &id) == 0;
}

int main(int argc, char **argv)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, XC_OPENFLAG_NON_REENTRANT);
	if (argc != 3 || xc == NULL)
		return 1;
	int (*call)(xc_interface *) = strcmp(argv[1], "list") == 0 ? list : strcmp(argv[1], "find") == 0 ? find : scheduler;
	const int count = atoi(argv[2]);
	double start = 0;
	/* As many again warm up: our side needs them to be compiled. */
	for (int i = -count; i < count; i++) {
		if (i == 0)
			start = now_ns();
		if (!call(xc))
			return 1;
	}
	printf("%.1f\n", (now_ns() - start) / count);
	return xc_interface_close(xc);
}
