import type { DefaultTheme, Theme } from 'vitepress';
import { useData, withBase } from 'vitepress';
// The fonts of the reader's system: nothing to download, and nothing to ask another server for.
import plainTheme from 'vitepress/theme-without-fonts';
import { defineComponent, h } from 'vue';
import './style.css';

/** Every page under the heading of its group, as in the sidebar, which small screens hide. */
const PageList = defineComponent(() => {
  const { theme } = useData<DefaultTheme.Config>();
  return () => {
    const groups = Array.isArray(theme.value.sidebar) ? theme.value.sidebar : [];
    const lists = groups.map(({ text, items = [] }) => h('section', [h('h2', text), listOf(items)]));
    return h('nav', { class: 'page-lists', 'aria-label': 'All pages' }, lists);
  };
});

function listOf(items: DefaultTheme.SidebarItem[]) {
  const link = (item: DefaultTheme.SidebarItem) => h('a', { href: withBase(`${item.link}.html`) }, item.text);
  return h(
    'ul',
    items.map((item) => h('li', link(item))),
  );
}

export default {
  extends: plainTheme,
  enhanceApp({ app }) {
    app.component('PageList', PageList);
  },
} satisfies Theme;
