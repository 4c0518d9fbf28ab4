import type { CallOptions, Rest } from './contract.ts';

/** A client made of the one function that sends a request. */
export function restFrom(request: Rest['request']): Rest {
  const send = async <T>(method: string, path: string, options: CallOptions) =>
    (await request<T>(method, path, options)).body;
  return {
    request,
    get: (path, query, options) => send('GET', path, { query: query ?? {}, ...options }),
    post: (path, body, options) => send('POST', path, { body, ...options }),
    put: (path, body, options) => send('PUT', path, { body, ...options }),
    patch: (path, body, options) => send('PATCH', path, { body, ...options }),
    delete: (path, body, options) => send('DELETE', path, { body, ...options }),
  };
}
