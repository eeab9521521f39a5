import type { FastifyPluginAsync } from 'fastify';

/**
 * A plugin with a name. Fastify otherwise looks for the name of each among all modules that are loaded, in which a plugin
 * that is a closure never is.
 */
export function namedPlugin(name: string, plugin: FastifyPluginAsync): FastifyPluginAsync {
  return Object.assign(plugin, { [Symbol.for('fastify.display-name')]: name });
}
