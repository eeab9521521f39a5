import { AuthClientError } from '@latchkey/client/server';
import { refusalOf, sessionOf } from '../../../session';

export async function POST(request: Request): Promise<Response> {
  const response = new Response(null, {
    status: 303,
    headers: { location: '/account', 'cache-control': 'private, no-store' },
  });
  try {
    const session = await sessionOf(request);
    // A refresh may have come with this request: its cookies go out also where the login fails.
    session.writeTo(response);
    const form = await request.formData();
    const next = await session.login({
      email: String(form.get('email')),
      password: String(form.get('password')),
    });
    next.writeTo(response);
  } catch (error) {
    const isWrong =
      error instanceof AuthClientError && ['INVALID_CREDENTIALS', 'BAD_USER_INPUT'].includes(error.code);
    if (!isWrong) return refusalOf(error);
    response.headers.set('location', '/login?wrong');
  }
  return response;
}
