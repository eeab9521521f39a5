import type { ComponentChildren, RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { addressOf } from './router.ts';
import { settings } from './settings.ts';
import { texts } from './texts/index.ts';

interface PageProps {
  readonly title: string;
  readonly children?: ComponentChildren;
}

/** The heading and what stands below it. The heading gets the focus, so that a screen reader says where people are. */
export function Page({ title, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = texts.newTitle(title, settings.name);
    heading.current?.focus();
  }, [title]);
  return (
    <>
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </>
  );
}

/** The focus goes here when it appears, because what had the focus is gone. */
export function useLanding<Kind extends HTMLElement>(): RefObject<Kind> {
  const landing = useRef<Kind>(null);
  useEffect(() => landing.current?.focus(), []);
  return landing;
}

export function Header() {
  return (
    <header class="brand">
      {settings.logo && <img src="./logo" alt="" width="32" height="32" />}
      <span>{settings.name}</span>
    </header>
  );
}

/** A link to another of these pages. */
export function To({
  page,
  children,
  ...others
}: {
  page: string;
  children: ComponentChildren;
  class?: string;
}) {
  return (
    <a href={addressOf(page)} {...others}>
      {children}
    </a>
  );
}
