export interface XmlOptions {
  /** Elements that may occur more than once: always arrays, so that one is not told from many by luck. */
  readonly arrays?: readonly string[];
  /** Keep white space at both ends of values, for what has to go back letter by letter. */
  readonly exact?: boolean;
}

/** Attributes get this prefix: `<Host Name="www"/>` becomes `{ Host: { '@Name': 'www' } }`. */
const ATTRIBUTE = '@';

/**
 * A parser for answers in XML, to be given to `rest` as `parse`. Values stay strings (`00123` is no number), namespace
 * prefixes are dropped, document types and their entities are refused.
 */
export async function xmlParser({ arrays = [], exact = false }: XmlOptions = {}): Promise<(text: string) => unknown> {
  const { XMLParser } = await import('fast-xml-parser');
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: ATTRIBUTE,
    ignoreDeclaration: true,
    ignorePiTags: true,
    removeNSPrefix: true,
    trimValues: !exact,
    htmlEntities: true,
    parseTagValue: false,
    parseAttributeValue: false,
    processEntities: true, // The five of XML itself and numeric ones; others need a document type.
    isArray: (name) => arrays.includes(name),
  });
  return (text) => {
    if (/<!DOCTYPE/iu.test(text)) throw new Error('an XML document type');
    return parser.parse(text, true);
  };
}
