import { AuthClientError } from '@latchkey/client/server';
import { error, redirect } from '@sveltejs/kit';
import type { RequestHandler } from './$types';

export const POST: RequestHandler = async ({ locals }) => {
  try {
    locals.session = await locals.session.logout();
  } catch (cause) {
    // The cookies stay, so the visitor can try again.
    error(503, cause instanceof AuthClientError ? cause.code : 'INTERNAL_SERVER_ERROR');
  }
  redirect(303, '/');
};
