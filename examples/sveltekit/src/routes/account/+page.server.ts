import { redirect } from '@sveltejs/kit';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = ({ locals }) => {
  const { user } = locals.session;
  if (user === undefined) redirect(303, '/login');
  return { email: user.email };
};
