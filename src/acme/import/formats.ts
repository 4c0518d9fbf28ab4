/** The clients whose stores can be taken over. */
export const importFormats = ['lego', 'certbot', 'acme.sh'] as const;
export type ImportFormat = (typeof importFormats)[number];
