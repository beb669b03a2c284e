import { Component, type FunctionComponent, h } from "preact";

/** The same component, drawn again only when one of its properties is another value. */
export function memo<P extends object>(inner: FunctionComponent<P>) {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const keys = new Set([...Object.keys(next), ...Object.keys(this.props)]) as Set<keyof P>;
      return [...keys].some((key) => !Object.is(next[key], (this.props as P)[key]));
    }
    override render() {
      return h(inner, this.props as P);
    }
  };
}
