import { refusalOf, sessionOf } from '../../session';

export async function POST(request: Request): Promise<Response> {
  const response = new Response(null, {
    status: 303,
    headers: { location: '/', 'cache-control': 'private, no-store' },
  });
  try {
    const session = await sessionOf(request);
    (await session.logout()).writeTo(response);
  } catch (error) {
    return refusalOf(error);
  }
  return response;
}
