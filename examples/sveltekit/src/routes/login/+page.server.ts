import { AuthClientError } from '@latchkey/client/server';
import { error, fail, redirect } from '@sveltejs/kit';
import type { Actions } from './$types';

export const actions: Actions = {
  default: async ({ locals, request }) => {
    const form = await request.formData();
    try {
      locals.session = await locals.session.login({
        email: String(form.get('email')),
        password: String(form.get('password')),
      });
    } catch (cause) {
      if (!(cause instanceof AuthClientError)) throw cause;
      if (['INVALID_CREDENTIALS', 'BAD_USER_INPUT'].includes(cause.code))
        return fail(401, { problem: 'Wrong address or password.' });
      error(cause.code === 'TOO_MANY_REQUESTS' ? 429 : 503, cause.code);
    }
    redirect(303, '/account');
  },
};
