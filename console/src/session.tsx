// Who is logged in, which product the pages are about, and what the user may do.
import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { all, endSession, get, post, useCsrf, whenLoggedOut, type Caller, type Product } from "./api";
import { startEvents, stopEvents, useEvents } from "./events";

const productsMax = 2000; // a longer list is no choice: such a platform is better directed by ferryctl
const kept = "ferry-product";

export interface Session {
  caller: Caller;
  products: string[];
  /** False until the list of products is there. */
  known: boolean;
  product: string;
  choose: (product: string) => void;
  readProducts: () => void;
  logOut: () => Promise<void>;
}

const SessionContext = createContext<Session | null>(null);
export const SessionProvider = SessionContext.Provider;

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("a page outside of the session");
  return session;
}

/** May the user change something? A viewer's pages have no such buttons. */
export function useMayChange(): boolean {
  return useSession().caller.role !== "viewer";
}

export type Login = { state: "asking" } | { state: "out" } | { state: "in"; caller: Caller };

export function useLogin() {
  const [login, setLogin] = useState<Login>({ state: "asking" });
  const enter = (caller: Caller) => {
    useCsrf(caller.csrf_token);
    startEvents();
    setLogin({ state: "in", caller });
  };
  const leave = () => {
    stopEvents();
    setLogin({ state: "out" });
  };
  useEffect(() => {
    whenLoggedOut(leave);
    get<Caller>("/session").then(enter, leave);
  }, []);
  const logIn = async (user: string, password: string) => enter(await post<Caller>("/session", { user, password }));
  const logOut = async () => {
    await endSession();
    leave();
  };
  return { login, logIn, logOut };
}

export function useProducts() {
  const [products, setProducts] = useState<string[]>([]);
  const [known, setKnown] = useState(false);
  const [chosen, setChosen] = useState(localStorage.getItem(kept) ?? "");
  const readProducts = () => {
    all<Product>("/products", {}, productsMax).then(
      ({ items }) => {
        setProducts(items.map((product) => product.name));
        setKnown(true);
      },
      () => setKnown(true),
    );
  };
  useEffect(readProducts, []);
  useEvents(["device", "resource"], (happened) => {
    if (happened.some((one) => one.product !== undefined && !products.includes(one.product))) readProducts();
  });
  const choose = (product: string) => {
    localStorage.setItem(kept, product);
    setChosen(product);
  };
  const product = products.includes(chosen) ? chosen : (products[0] ?? "");
  return { products, known, product, choose, readProducts };
}
