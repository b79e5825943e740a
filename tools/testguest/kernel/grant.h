/* Pages that other domains may map. */
#ifndef GRANT_H
#define GRANT_H
#include "hypercall.h"

/* Entry 0 means none: it is one of those that the toolstack uses. */
#define NO_GRANT 0u

/* NO_GRANT when all entries are used. */
grant_ref_t grant_page(domid_t domain, const void *page, bool is_read_only);
/* False while the other domain still has it mapped; the entry and the page must then stay as they are. */
bool grant_end(grant_ref_t grant);
/* Forgets all grants: the table of a new domain is empty. */
void grant_forget(void);
#endif
