// The AWS SDK tells users of Node.js 20 that it wants a newer one; bin/quoin.js does the same.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' } }] },
  roots: ['<rootDir>/test'],
  testTimeout: 120_000,
  // Jest would leave one core of two idle.
  maxWorkers: 2,
};
