/* Preloaded in front of libxenctrl: a hypervisor with FAKE_DOMAINS domains that answers at once, so that what is measured is the way to
 * it and back. Only what a list of domains needs. */
#include <stdlib.h>
#include <string.h>
#include <xenctrl.h>

static int anything;
static xc_error no_error;

static unsigned domain_count(void)
{
	static unsigned count;
	if (count == 0)
		count = (unsigned)atoi(getenv("FAKE_DOMAINS"));
	return count;
}

xc_interface *xc_interface_open(xentoollog_logger *log, xentoollog_logger *builder, unsigned flags)
{
	(void)log, (void)builder, (void)flags;
	return (xc_interface *)&anything;
}

int xc_interface_close(xc_interface *xc)
{
	(void)xc;
	return 0;
}

const xc_error *xc_get_last_error(xc_interface *xc)
{
	(void)xc;
	return &no_error;
}

void xc_clear_last_error(xc_interface *xc)
{
	(void)xc;
}

int xc_version(xc_interface *xc, int command, void *answer)
{
	(void)xc, (void)answer;
	return command == XENVER_version ? 4 << 16 | 17 : command == XENVER_pagesize ? 4096 : 0;
}

int xc_domain_getinfolist(xc_interface *xc, uint32_t first, unsigned max, xc_domaininfo_t *list)
{
	static xc_domaininfo_t *domains;
	const unsigned count = domain_count();
	(void)xc;
	if (domains == NULL) {
		domains = calloc(count, sizeof(*domains));
		for (unsigned domid = 0; domid < count; domid++)
			domains[domid].domain = (domid_t)domid;
	}
	if (first >= count)
		return 0;
	if (max > count - first)
		max = count - first;
	memcpy(list, domains + first, max * sizeof(*list));
	return (int)max;
}

int xc_domain_getinfo_single(xc_interface *xc, uint32_t domid, xc_domaininfo_t *info)
{
	return xc_domain_getinfolist(xc, domid, 1, info) == 1 && info->domain == domid ? 0 : -1;
}
