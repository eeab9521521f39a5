import { viewer } from '../session';

export default async function Home() {
  const user = await viewer();
  return (
    <>
      <p>{`Hello, ${user?.email ?? 'stranger'}`}</p>
      <a href={user ? '/account' : '/login'}>{user ? 'Your account' : 'Sign in'}</a>
    </>
  );
}
