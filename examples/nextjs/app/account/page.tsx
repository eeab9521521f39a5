import { redirect } from 'next/navigation';
import { viewer } from '../../session';

export default async function Account() {
  const user = await viewer();
  if (user === undefined) redirect('/login');
  return (
    <>
      <p>{`The account of ${user.email}`}</p>
      <form method="post" action="/logout">
        <button type="submit">Sign out</button>
      </form>
    </>
  );
}
