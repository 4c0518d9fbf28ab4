export * from './exchange.ts';
export * from './message.ts';
export * from './names.ts';
export * from './rdata.ts';
export * from './tsig.ts';
export * from './tsig-server.ts';
export * from './update.ts';
