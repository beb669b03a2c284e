/** The icons, drawn on a grid of 20 by 20. They have no name: the control that they stand in has one. */
const SHAPES = {
  plus: "M10 4v12M4 10h12",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.5 13.5 17 17",
  back: "M12.5 4 6.5 10l6 6",
  close: "M5 5l10 10M15 5 5 15",
  people: "M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 16.5c0-3 2.5-4.5 5.5-4.5s5.5 1.5 5.5 4.5M13 3.800a3 3 0 0 1 0 5.400M15.5 12.5c1.600.7 2.5 2 2.5 4",
  invite: "M8 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2 16.5c0-3 2.700-4.5 6-4.5 1 0 2 .1 2.800.5M15 11v6M12 14h6",
  send: "M3.5 10 16.5 4l-4 12-3.5-4.5zM9 11.5l3-3",
  reply: "M8 5 3.5 9.5 8 14M4 9.5h7c3.5 0 5.5 2 5.5 5.5",
  edit: "M4 16l.8-3.5 8.700-8.700a1.5 1.5 0 0 1 2.200 0l.5.5a1.5 1.5 0 0 1 0 2.200l-8.700 8.700z",
  trash: "M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.600l.7-11M8.5 8.5v5M11.5 8.5v5",
  lock: "M5.5 9h9v7.5h-9zM7 9V6.5a3 3 0 0 1 6 0V9",
  hash: "M8 3.5 6.5 16.5M13.5 3.5 12 16.5M4 7.5h13M3 12.5h13",
  gear: "M10 12.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM10 2.5v2.5M10 15v2.5M2.5 10H5M15 10h2.5M4.700 4.700l1.800 1.800M13.5 13.5l1.800 1.800M4.700 15.300l1.800-1.800M13.5 6.5l1.800-1.800",
  keyboard: "M2.5 5h15v10h-15zM5.5 8.200h.1M8.500 8.200h.1M11.5 8.200h.1M14.5 8.200h.1M7 11.800h6",
  info: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9.5v4M10 6.5v.1",
  down: "M10 4v12M5 11l5 5 5-5",
  clock: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4.5l3 1.5",
} as const;

export function Icon({ name }: { name: keyof typeof SHAPES }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={SHAPES[name]} />
    </svg>
  );
}
