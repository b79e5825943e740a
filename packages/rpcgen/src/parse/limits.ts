/** Limits of the parser, far above any real interface description (the largest known has 0.3 MiB and depth 5). */

/** UTF-16 code units of a whole document. */
export const DOCUMENT_LENGTH_MAX: number = 8 * 1024 * 1024;

/** Elements inside elements. */
export const DEPTH_MAX = 64;

/** Elements of a whole document. */
export const ELEMENTS_MAX = 200_000;

/** Attributes of one element. */
export const ATTRIBUTES_MAX = 64;

/** Code units in the name of an element or attribute. */
export const XML_NAME_LENGTH_MAX = 255;

/** Code units in the value of an attribute. */
export const ATTRIBUTE_LENGTH_MAX: number = 64 * 1024;

/** Problems that are listed; after that many the rest is only mentioned. */
export const PROBLEMS_MAX = 200;

/** Entities that a document may declare. */
export const ENTITIES_MAX = 64;

/** Code units of one declared entity. */
export const ENTITY_LENGTH_MAX = 1024;

/** Code units that all uses of declared entities together may expand to. */
export const ENTITY_EXPANSION_MAX: number = 1024 * 1024;
